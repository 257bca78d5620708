#compdef PROGRAM
# zsh completion for PROGRAM. Use it now:     source <(PROGRAM completion zsh)
# or in every new shell:                PROGRAM completion zsh >"${fpath[1]}/_PROGRAM"

_PROGRAM() {
    local -a candidates
    local line directive=0
    while IFS= read -r line; do
        case $line in
        :[0-9]*) directive=${line#:} ;;
        *) candidates+=("${${line//:/\\:}/$'\t'/:}") ;;
        esac
    done < <("${words[1]}" __complete "${(@)words[2,CURRENT]}" 2>/dev/null)
    local -a flags
    (( directive & 2 )) && flags=(-S '')
    (( $#candidates )) && _describe -V 'PROGRAM' candidates "${flags[@]}"
    (( directive & 4 )) || _files
}
# Read as a file of $fpath it completes; sourced it registers.
if [[ ${funcstack[1]} == _PROGRAM ]]; then _PROGRAM "$@"; else compdef _PROGRAM PROGRAM; fi
