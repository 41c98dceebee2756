from __future__ import annotations

import re
import subprocess
import sys
from typing import Literal

import pytest

from metronome_analytics.__main__ import main
from metronome_analytics.cli import exits
from metronome_analytics.cli.app import app


@pytest.mark.parametrize("missing", ["cyclopts", "rich"])
def test_without_the_extra_one_line_says_what_to_install(missing: str) -> None:
    """Exit code 2 and no traceback where the command line was not installed."""
    code = (
        f"import sys; sys.modules['{missing}'] = None\n"
        "from metronome_analytics.__main__ import main\n"
        "sys.exit(main(['demo']))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert missing in done.stderr
    assert "extra 'cli'" in done.stderr


def test_without_uvicorn_demo_says_which_extra_serves(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The simulator over HTTP needs the extra of its own."""
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert main(["demo"]) == 2
    assert "extra 'simulator'" in capsys.readouterr().err


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    """`--help` lists demo, pull, reconcile and simulate, and is no failure."""
    assert main(["--help"]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in ("demo", "pull", "reconcile", "simulate"))


def test_a_real_account_is_loaded_without_the_simulator() -> None:
    """Importing the commands loads no simulator, no server and no charts."""
    code = (
        "import sys, metronome_analytics.cli.app\n"
        "print(sorted({'metronome_analytics.simulator', 'uvicorn', 'altair'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


def test_endpoints_prints_the_catalogue(capsys: pytest.CaptureFixture[str]) -> None:
    """Every loader and every path of the registry is on the page, without a token."""
    from metronome_analytics.catalogue import catalogue  # noqa: PLC0415

    assert main(["endpoints"]) == 0
    lines = capsys.readouterr().out.splitlines()[::2]
    rows = catalogue().select("loader", "effect", "endpoint").rows()
    assert [(line.split()[0], line.split()[1], " ".join(line.split()[-2:])) for line in lines] == [
        (loader or "-", effect, endpoint) for loader, effect, endpoint in rows
    ]


def test_without_arguments_a_tour_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """It names three commands to begin with, each of which is one."""
    assert main([]) == 0
    shown = re.findall(r"^  metronome-analytics (\w+)", capsys.readouterr().out, re.MULTILINE)
    assert shown == ["demo", "pull", "reconcile"]
    assert set(shown) <= set(app)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ballances"], "'ballances' is no command. See metronome-analytics --help."),
        (["pul", "--out", "x"], "'pul' is no command. Did you mean 'pull'? See metronome-analytics --help."),
        (["--foo"], "Unknown option: --foo. See metronome-analytics --help."),
        (["pull"], 'Command "pull" parameter --out requires an argument. See metronome-analytics pull --help.'),
        (["pull", "--out", "x", "y"], "pull does not take 'y'. See metronome-analytics pull --help."),
        (
            ["entries", "plann"],
            'Unknown command "plann". Did you mean "plan"? Available commands: plan, apply, status.',
        ),
    ],
)
def test_arguments_that_are_wrong_end_in_one_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is wrong, what was perhaps meant, and whose help says more."""
    assert main(arguments) == exits.CANNOT
    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("\n")) == ("", 1)
    assert printed.err.startswith(f"metronome-analytics: {said}")
    assert printed.err.endswith("--help.\n")


@pytest.mark.parametrize("arguments", [["doctor"], ["pull", "--out", "nowhere"], ["sync", "nowhere"]])
def test_without_a_token_one_line_says_what_to_set(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In words of a command line, which has no connect(token=...) and no ma.demo()."""
    monkeypatch.delenv("METRONOME_BEARER_TOKEN", raising=False)
    assert main(arguments) == exits.CANNOT
    said = "No Metronome token. Set METRONOME_BEARER_TOKEN; metronome-analytics demo needs none."
    assert capsys.readouterr().err == f"metronome-analytics: {said}\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_completes_the_commands(shell: Literal["bash", "zsh", "fish"]) -> None:
    """The script that --install-completion writes knows every command."""
    script = app.generate_completion(prog_name="metronome-analytics", shell=shell)
    assert all(name in script for name in ("demo", "pull", "reconcile", "sync", "entries"))
