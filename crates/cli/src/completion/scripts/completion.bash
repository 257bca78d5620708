# bash completion for @. Use it now:    source <(@ completion bash)
# or in every new shell:                @ completion bash >/etc/bash_completion.d/@

_@_complete() {
    local words=("${COMP_WORDS[@]:1:COMP_CWORD}") line word directive=0
    local last=${words[-1]}
    # bash has made words of their own of "=" and ":"; the program wants them as they were typed.
    if declare -F _get_comp_words_by_ref >/dev/null; then
        local cur cword typed=()
        _get_comp_words_by_ref -n =: -c cur -i cword -w typed
        words=("${typed[@]:1:cword}")
        last=$cur
    fi
    COMPREPLY=()
    while IFS= read -r line; do
        case $line in
        :[0-9]*) directive=${line#:} ;;
        *) COMPREPLY+=("$line") ;;
        esac
    done < <("${COMP_WORDS[0]}" __completeNoDesc "${words[@]}" 2>/dev/null)
    ((directive & 2)) && compopt -o nospace
    ((directive & 4)) || compopt -o default
    if declare -F __ltrim_colon_completions >/dev/null; then
        # What stands before "=" or ":" has been typed already.
        [[ $last == *=* && $COMP_WORDBREAKS == *=* ]] && COMPREPLY=("${COMPREPLY[@]#"${last%%=*}="}")
        __ltrim_colon_completions "$last"
    fi
}
complete -F _@_complete @
