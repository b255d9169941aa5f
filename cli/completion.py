"""`chisel completion`."""

from __future__ import annotations

from collections.abc import Sequence

from chisel.cli.arguments import one_word
from chisel.cli.commands import COMMANDS
from chisel.configs import ConfigError, complete, hint

USAGE = "chisel completion bash | zsh | fish"

HELP = f"""\
usage: {USAGE}

Prints a script with which a shell completes experiments, keys, values, studies,
options, runs and shipped agents when you press Tab. To try it:

  bash   eval "$(chisel completion bash)"
  zsh    eval "$(chisel completion zsh)"
  fish   chisel completion fish | source

To keep it, put that line into ~/.bashrc, ~/.zshrc (after compinit) or
~/.config/fish/config.fish. The scripts call `chisel completion words WORD …`,
which prints candidates for the last word."""

# If = and : end words, readline replaces only what follows the last of them.
_BASH = r"""_chisel() {
    local line=${COMP_LINE:0:COMP_POINT} word IFS=$' \t'
    local words=($line)
    [[ $line == *[[:space:]] ]] && words+=("")
    word=${words[${#words[@]} - 1]}
    IFS=$'\n'
    COMPREPLY=($("${words[0]}" completion words "${words[@]:1}" 2>/dev/null))
    local ends=${COMP_WORDBREAKS//[^=:]/}
    [[ -n $ends ]] && COMPREPLY=("${COMPREPLY[@]#"${word%"${word##*[$ends]}"}"}")
    [[ ${#COMPREPLY[@]} == 1 && $COMPREPLY == *= ]] && compopt -o nospace 2>/dev/null
    return 0
}
complete -o default -F _chisel chisel"""

_ZSH = r"""#compdef chisel
_chisel() {
    local -a found
    found=("${(@f)$("${words[1]}" completion words "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    if [[ -z $found ]]; then _files; return; fi
    compadd -S '' -- ${(M)found:#*=}
    compadd -- ${found:#*=}
}
compdef _chisel chisel"""

_FISH = r"""function __chisel_complete
    set -l words (commandline -opc)
    set -l found ($words[1] completion words $words[2..] (commandline -ct) 2>/dev/null)
    if test -n "$found"
        printf '%s\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c chisel -f -a '(__chisel_complete)'"""

SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}


def run(arguments: Sequence[str]) -> None:
    """Print a shell's script; after `words`, print candidates for the last word, one per line."""
    if arguments[:1] == ["words"]:
        print("\n".join(complete(arguments[1:], COMMANDS)))
        return
    shell, settings = one_word(arguments, "SHELL", USAGE)
    if settings or shell not in SCRIPTS:
        raise ConfigError(f"{' '.join(arguments)}: {hint(shell, SCRIPTS)}; usage: {USAGE}")
    print(SCRIPTS[shell])
