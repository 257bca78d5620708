#compdef @
# zsh completion for @. Use it now:     source <(@ completion zsh)
# or in every new shell:                @ completion zsh >"${fpath[1]}/_@"

_@() {
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
    (( $#candidates )) && _describe -V '@' candidates "${flags[@]}"
    (( directive & 4 )) || _files
}
# Read as a file of $fpath it completes; sourced it registers.
if [[ ${funcstack[1]} == _@ ]]; then _@ "$@"; else compdef _@ @; fi
