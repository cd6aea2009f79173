"""What a program of a test may say on its stderr without failing it."""


def unexpected(stderr: str) -> str:
    """All but that a fork met work in flight, which is a matter of the moment."""
    return stderr.replace("fork with operations in flight: the child starts without them\n", "")
