"""What the programs of this folder check with. A failure ends the program and says what differs."""


def same(got, wanted, what):
    if got != wanted:
        raise SystemExit(f"{what}: got {str(got)[:300]!r}, wanted {str(wanted)[:300]!r}")


def refused(call, kind, what):
    try:
        got = call()
    except kind:
        return
    raise SystemExit(f"{what}: not refused, but {got!r}")
