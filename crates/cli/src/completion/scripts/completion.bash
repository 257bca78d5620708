# bash completion for PROGRAM. Use it now:    source <(PROGRAM completion bash)
# or in every new shell:                PROGRAM completion bash >/etc/bash_completion.d/PROGRAM

_PROGRAM_complete() {
    local typed=${COMP_LINE:0:COMP_POINT} words line directive=0
    read -ra words <<<"$typed"
    [[ $typed == *[[:blank:]] ]] && words+=("")
    COMPREPLY=()
    while IFS= read -r line; do
        case $line in
        :[0-9]*) directive=${line#:} ;;
        *) COMPREPLY+=("$line") ;;
        esac
    done < <("${words[0]}" __completeNoDesc "${words[@]:1}" 2>/dev/null)
    # bash completes what follows the last "=" or ":", which are words of their own to it.
    local last=${words[-1]} i
    local done=${last%"${last##*[=:]}"}
    for i in "${!COMPREPLY[@]}"; do COMPREPLY[i]=${COMPREPLY[i]#"$done"}; done
    ((directive & 2)) && compopt -o nospace
    ((directive & 4)) || compopt -o default
    return 0
}
complete -F _PROGRAM_complete PROGRAM
