# fish completion for PROGRAM. Use it now:    PROGRAM completion fish | source
# or in every new shell:                PROGRAM completion fish >~/.config/fish/completions/PROGRAM.fish

function __PROGRAM_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l lines ($words[1] __complete $words[2..-1] 2>/dev/null)
    set -l directive (string replace : '' -- $lines[-1])
    set -e lines[-1]
    if test (math "bitand($directive, 4)") -eq 0
        __fish_complete_path (commandline -ct)
    end
    string join \n -- $lines
end
complete -c PROGRAM -f -a '(__PROGRAM_complete)'
