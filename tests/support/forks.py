"""What a process that forks may say."""


def unexpected(stderr: str) -> str:
    """Without the line that a fork is worth while something is in flight: a slow machine has it."""
    return stderr.replace("fork with operations in flight: the child starts without them\n", "")
