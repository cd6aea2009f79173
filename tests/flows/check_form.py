"""Check that every statement with co_await has the one form gcc 12 compiles right.

check_form.py [ROOT] reads all C++ sources, the tests too: gcc compiles them as well. It goes by the
text alone, which is enough because types are CamelCase and functions snake_case:

    [[const] type] name = co_await operand ;   |   co_await operand ;
    operand  := name | std::move(name) | function(arguments) | name.function(arguments)
    argument := names, literals, arithmetic, std::move(name), calls of plain functions

and nothing of it in a condition, a return, a catch or a macro. Beside the form it refuses, in
coroutines: captures of a lambda, parameters that can bind to a temporary, default arguments that
may be of class type, over-aligned objects, and awaiters that are aggregates or can be copied. It
refuses much that is sound; the way out is always a name in a statement of its own. Prints one line
per fault and exits 1 if there is any.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDERS = ["include", "lib", "bindings", "examples", "tests"]
SOURCES = {".hpp", ".cpp", ".h"}

COMMENT_OR_LITERAL = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(?P<mark>[^()\\\s]*)\(.*?\)(?P=mark)"|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9A-Za-z_])'(?:\\.|[^'\\\n])+'",
    re.DOTALL,
)
DIRECTIVE = re.compile(r"^[ \t]*#(?:\\\n|[^\n])*", re.MULTILINE)
BRACKETS = re.compile(r"[{}()]")
LABEL = re.compile(r"\s*(?:case\b(?:::|[^:;?])+:(?!:)|default\s*:)")
CONTROL = re.compile(r"\s*(if|else|while|for|switch|do|return|co_return|throw)\b")
CONTROL_WORDS = {"if", "for", "while", "switch", "constexpr"}
TARGET = re.compile(
    r"\s*(?:(?:(?:const\s+)?[\w:]+(?:<[\w:,<>*&\s]*>)?(?:\s*[&*]+\s*|\s+))?\w+"  # type name
    r"|\*?\w+(?:(?:\.|->)\w+)*)\s*=\s*"  # or what is there already: name, *name, name.member
)
LAMBDA = re.compile(
    r"\[(?P<captures>[^\[\]]*)\]\s*(?:<[^(){}]*>\s*)?(?:\((?:[^(){}]|\([^(){}]*\))*\)\s*)?"
    r"(?:(?:mutable|noexcept|constexpr|static)\s*)*(?:->[\w:<>,&*\s]+)?\Z"
)
TOKEN = re.compile(r"\s*(::|->|\d[\w.']*|\w+|\"\s*\"|\S)")
TRAILER = re.compile(
    r"(?:\s*\b(?:const|noexcept|override|final|mutable))*(?:\s*->[\w:<>,&*\s]+)?\s*\Z"
)
TEMPORARY = re.compile(
    r"(?:\bconst\s[\w:<>,*\s]+|\w[\w:<>]*\s+const\s*)&(?!&)[^,)]*|[\w:<>]+\s*&&[^,)]*"
)
TASK = re.compile(r"\b(?:internal::)?Task<[^;{}()]*>\s+(?:\w+::)*\w+\s*\(")
SCALAR_DEFAULT = re.compile(r"-?\d[\w.']*|nullptr|true|false|(?:\w+::)+k[A-Z]\w*")


def blank(match: re.Match[str]) -> str:
    """As long as it was, with its lines; a literal keeps its quotes, a character becomes 0."""
    text = match[0]
    hidden = re.sub(r"[^\n]", " ", text)
    if text[0] in 'R"':
        return '"' + hidden[1:-1] + '"'
    return "0" + hidden[1:] if text[0] == "'" else hidden


class FormError(Exception):
    pass


class Operand:
    """Parses what stands behind co_await; raises FormError where it is not of the form."""

    def __init__(self, text: str) -> None:
        self.tokens = [*TOKEN.findall(text), ""]
        self.at = 0

    def peek(self) -> str:
        token: str = self.tokens[self.at]
        return token

    def take(self, wanted: str = "") -> str:
        token = self.peek()
        if wanted and token != wanted:
            self.refuse(token)
        self.at += 1
        return token

    def refuse(self, token: str) -> None:
        if token == "{":
            raise FormError("a brace in the statement: name what it makes first")
        if token == "[":
            raise FormError("a lambda or an index in the statement: name it first")
        if token == "?":
            raise FormError("a conditional operator in the statement: name its value first")
        raise FormError(f"'{token}' in the statement: name the operands first")

    def parse(self) -> None:
        if not re.match(r"[A-Za-z_]|::", self.peek()):
            self.refuse(self.peek())
        self.postfix()
        if self.peek():
            self.refuse(self.peek())

    def arguments(self) -> None:
        self.take("(")
        if self.peek() != ")":
            self.argument()
            while self.peek() == ",":
                self.take()
                self.argument()
        self.take(")")

    def argument(self) -> None:
        while True:
            while self.peek() in ("&", "*", "-", "+", "!", "~"):
                self.take()
            self.postfix()
            if self.peek() not in ("+", "-", "*", "/", "%"):
                return
            self.take()

    def postfix(self) -> None:
        token = self.peek()
        if token == "(":
            self.take()
            self.argument()
            self.take(")")
        elif re.match(r"\d|\"", token):
            self.take()
        elif re.match(r"[A-Za-z_]", token) or token == "::":
            self.name()
        else:
            self.refuse(token)
        while self.peek() in (".", "->"):
            self.take()
            self.name()

    def name(self) -> None:
        """A name, or the call of a function; Type(…) makes an object, which is refused."""
        if self.peek() == "::":
            self.take()
        path = [self.take()]
        while self.peek() == "::":
            self.take()
            path.append(self.take())
        if path[-1] in ("co_await", "co_yield"):
            raise FormError("a second co_await in the statement")
        if not re.match(r"[A-Za-z_]", path[-1]):
            self.refuse(path[-1])
        if self.peek() == "<":
            self.template_arguments()
        if self.peek() == "(":
            if re.match(r"[A-Z]", path[-1]):
                raise FormError(f"{path[-1]}(…) makes an object in the statement: name it first")
            self.arguments()

    def template_arguments(self) -> None:
        depth = 0
        while True:
            token = self.take()
            if not re.fullmatch(r"[\w:<>,*&]+", token):
                self.refuse(token or "<")
            depth += {"<": 1, ">": -1}.get(token, 0)
            if depth == 0:
                return


@dataclass
class Place:
    """Where a word stands: the braces around it, outermost first, and the open parentheses."""

    braces: list[int]
    parentheses: int


class Source:
    def __init__(self, text: str) -> None:
        code = COMMENT_OR_LITERAL.sub(blank, text)
        self.directives = list(DIRECTIVE.finditer(code))
        self.code = DIRECTIVE.sub(blank_directive, code)

    def line(self, at: int) -> int:
        return self.code.count("\n", 0, at) + 1

    def words(self, pattern: str) -> Iterator[tuple[re.Match[str], Place]]:
        """Every match of the pattern and where it stands."""
        found = list(re.finditer(pattern, self.code))
        stack: list[tuple[int, int]] = [(-1, 0)]  # open brace, parentheses open inside it
        brackets = BRACKETS.finditer(self.code)
        bracket = next(brackets, None)
        for match in found:
            while bracket and bracket.start() < match.start():
                brace, depth = stack[-1]
                if bracket[0] == "{":
                    stack.append((bracket.start(), 0))
                elif bracket[0] == "}":
                    if len(stack) > 1:
                        stack.pop()
                else:
                    stack[-1] = (brace, depth + (1 if bracket[0] == "(" else -1))
                bracket = next(brackets, None)
            yield match, Place([brace for brace, _ in stack[1:]], stack[-1][1])

    def kind(self, brace: int) -> str:
        """What a brace opens: a block, a catch, a statement expression, a lambda with its captures
        behind the word, or anything else, which ends the walk to the outside."""
        head = self.code[max(0, brace - 1000) : brace].rstrip()
        if head.endswith("("):
            return "expression"
        if not head or head[-1] in ";{}:" or re.search(r"\b(else|do|try)\Z", head):
            return "block"
        lambda_head = LAMBDA.search(head)
        if lambda_head:
            return "lambda " + lambda_head["captures"].strip()
        if head[-1] == ")":
            word = re.search(r"(\w+)\s*\Z", head[: opening(head)])
            if word and word[1] == "catch":
                return "catch"
            if word and word[1] in CONTROL_WORDS:
                return "block"
        return "function"

    def body(self, place: Place) -> int | None:
        """The brace of the function or lambda that a place belongs to."""
        for brace in reversed(place.braces):
            if self.kind(brace) == "function" or self.kind(brace).startswith("lambda"):
                return brace
        return None


def blank_directive(match: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", match[0])


def opening(head: str) -> int:
    """Where the parenthesis opens that the text ends with."""
    depth = 0
    for at in range(len(head) - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(head[at], 0)
        if depth == 0:
            return at
    return 0


def parameters(head: str) -> str:
    """The parameters of the function whose body comes behind the text."""
    head = TRAILER.sub("", head[-1000:]).rstrip()
    return head[opening(head) :] if head.endswith(")") else ""


def fault_of_await(source: Source, at: int, place: Place) -> str | None:
    """What is wrong with the statement around the co_await at a position."""
    kinds = [source.kind(brace) for brace in place.braces]
    if kinds and kinds[-1] == "expression":
        return "a statement expression"
    code = source.code
    start = max(code.rfind(mark, 0, at) for mark in ";{}") + 1
    before = LABEL.sub("", code[start:at])
    control = CONTROL.match(before)
    if control:
        return f"co_await in the statement of '{control[1]}': name its result first"
    if place.parentheses != before.count("(") - before.count(")"):
        return "co_await inside the parentheses of another statement"
    for kind in reversed(kinds):
        if kind == "catch":
            return "co_await in a catch: keep the exception, leave the handler, then await"
        if kind != "block":
            break
    if re.search(r"\bauto\s*&*\s*\[", before):
        return "a structured binding: name the result, then bind it"
    if before.strip() and not TARGET.fullmatch(before):
        return f"'{' '.join(before.split())}' before co_await: name first, await alone"
    rest = re.compile(r"[^;{}]*").match(code, at + len("co_await"))
    assert rest is not None
    end = code[rest.end() : rest.end() + 1]
    if end == "}":
        return "a brace around co_await: name its result first"
    try:
        Operand(rest[0] + end.replace(";", "")).parse()
    except FormError as error:
        return str(error)
    return None


def faults_of(text: str) -> Iterator[tuple[int, str]]:
    """Line and fault, for one file."""
    source = Source(text)
    code = source.code
    for directive in source.directives:
        if re.search(r"\bco_(await|yield|return)\b", directive[0]):
            yield source.line(directive.start()), "a coroutine's statement in a macro: write it out"

    coroutines: set[int] = set()
    for match, place in source.words(r"\bco_(await|yield|return)\b"):
        where = source.line(match.start())
        body = source.body(place)
        if re.search(r"\boperator\s*\Z", code[: match.start()]):
            continue
        if body is not None and body not in coroutines:
            coroutines.add(body)
            if re.match(r"lambda \S", source.kind(body)):
                yield where, "a coroutine lambda with captures, which die before its frame"
            if reference := TEMPORARY.search(parameters(source.code[:body])):
                yield (
                    source.line(body),
                    f"the parameter {reference[0].strip()} can bind to a temporary",
                )
        if match[0] == "co_yield":
            yield where, "co_yield is not used here"
        elif match[0] == "co_await" and (fault := fault_of_await(source, match.start(), place)):
            yield where, fault

    for match, place in source.words(r"\balignas\b"):
        if source.body(place) in coroutines or brace_behind(source, match.start()) in coroutines:
            yield source.line(match.start()), "over-aligned in a coroutine: frames are 16-aligned"
    for match, _ in source.words(r"\bawait_transform\b"):
        yield source.line(match.start()), "await_transform is not used here"
    for match, place in source.words(r"(?<![.>:])\bawait_suspend\s*\("):
        yield from faults_of_awaiter(source, match.start(), place)
    for match in TASK.finditer(code):
        yield from faults_of_defaults(source, match.end() - 1)


def brace_behind(source: Source, at: int) -> int:
    """The brace of the function whose parameters a position is among; -1 for none."""
    rest = re.compile(r"[^;{}]*\{").match(source.code, at)
    return rest.end() - 1 if rest else -1


def faults_of_awaiter(source: Source, at: int, place: Place) -> Iterator[tuple[int, str]]:
    if not place.braces:
        return
    outside = source.code[: place.braces[-1]]
    head = re.search(r"\b(?:class|struct)\s[^;{}()]*\Z", outside)
    if not head:
        return
    bases = re.split(r"(?<!:):(?!:)|\bfinal\b", head[0])[0]
    name = re.findall(r"\w+", bases)[-1]
    deleted = rf"\b{name}\s*\(\s*(?:const\s+{name}\s*&|{name}\s*&&)\s*\w*\)\s*=\s*delete"
    if not re.search(deleted, source.code[place.braces[-1] :]):
        yield source.line(at), f"the awaiter {name} needs a constructor and a deleted copy"


def faults_of_defaults(source: Source, at: int) -> Iterator[tuple[int, str]]:
    depth, end = 0, at
    for end in range(at, len(source.code)):
        depth += {"(": 1, ")": -1}.get(source.code[end], 0)
        if depth == 0:
            break
    for match in re.finditer(r"(?<![=<>!])=(?!=)\s*([^,)]*)", source.code[at:end]):
        if not SCALAR_DEFAULT.fullmatch(match[1].strip()):
            yield (
                source.line(at + match.start()),
                f"the default argument {match[1].strip()} may be of class type: overload instead",
            )


def check(root: Path) -> Iterator[str]:
    files = [file for folder in FOLDERS for file in sorted((root / folder).rglob("*"))]
    sources = [file for file in files if file.suffix in SOURCES]
    if not sources:
        yield f"no sources below {root}"
    for file in sources:
        for line, fault in sorted(set(faults_of(file.read_text()))):
            yield f"{file.relative_to(root).as_posix()}:{line}: {fault}"


def main() -> int:
    root = Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    faults = list(check(root))
    print("\n".join(faults) or "every co_await has the form")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
