"""Proves that check_form refuses what gcc 12 gets wrong, and accepts the form.

BAD has a sample of every cause that gcc 12 fails by, in the spelling that fails, and of every rule
beside the form. What the text does not show:

- a type that is over-aligned by its own definition elsewhere (alignas on the class);
- a default argument in a header that the call does not show (seen where it is declared);
- an aggregate as an awaiter that is defined outside the folders which are read;
- the order in which parameters are destroyed (gcc: as declared), a matter of no statement.
"""

import re
import sys
from pathlib import Path

from check_form import check, faults_of

# A statement, put into the body of a task, and what the fault says.
BAD_STATEMENTS = {
    "A: a class temporary that is copied bit by bit and destroyed twice": [
        ("co_await f([x] { return x; });", "lambda"),
        ("co_await f([x = std::move(x)]() mutable { g(x); });", "lambda"),
        ("co_await f(std::function<void()>([p] { g(p); }));", "'(' in the statement"),
        ("co_await [x]() -> Task<void> { co_return; }();", "lambda"),
        ("co_await f([x] { return x; }, [y] { return y; });", "lambda"),
        ("const int n = g([x] { return x; }) + co_await f();", "parentheses"),
        ("co_await f([shared = std::make_shared<int>(1)] { g(*shared); });", "lambda"),
        ("co_await f(Options{.url = url});", "brace"),
        ("co_await f(Options{url, 1});", "brace"),
        ("co_await f({url, 1});", "brace"),
        ("co_await f({.url = url});", "brace"),
        ("co_await f(Options(url, 1));", "makes an object"),
        ("co_await f(net::Options(url, 1));", "makes an object"),
        ("const Pair& pair = Pair{co_await f(), 1};", "brace"),
        ("Options options{co_await f(), 1};", "brace"),
        ("Options options{1, co_await f()};", "before co_await"),
        ("co_await f(Holder{g()});", "brace"),
        ("co_await f(std::array<Text, 2>{a, b});", "brace"),
        ("co_await Options{url}.send();", "brace"),
        ("co_await Options(url).send();", "makes an object"),
        ("co_await f(std::make_unique<Options>(Options{url}));", "brace"),
    ],
    "B: a conditional operator with a value of class type": [
        ("auto x = co_await (c ? f() : g());", "'(' in the statement"),
        ("auto x = c ? co_await f() : co_await g();", "before co_await"),
        ("co_return c ? co_await f() : text;", "co_return"),
        ("co_await f(c ? a : b);", "conditional"),
    ],
    "C: an array or a list": [
        ("co_await f(std::vector<Text>{a, b});", "brace"),
        ("co_await f({a, b, c});", "brace"),
        ("Text texts[] = {co_await f(), co_await g()};", "brace"),
        ("Text texts[2] = {a, co_await f()};", "before co_await"),
        ("std::vector<Text> texts{co_await f()};", "brace"),
    ],
    "D: a condition": [
        ("if (co_await f()) g();", "'if'"),
        ("if (auto x = co_await f(); x) g();", "'if'"),
        ("if (auto x = a; co_await f()) g();", "inside the parentheses"),
        ("while (co_await f()) g();", "'while'"),
        ("for (; co_await f();) g();", "inside the parentheses"),
        ("for (auto x = co_await f(); x;) g();", "'for'"),
        ("for (auto x : co_await f()) g();", "'for'"),
        ("switch (co_await f()) { default: g(); }", "'switch'"),
        ("do g(); while (co_await f());", "'while'"),
        ("do { g(); } while (co_await f());", "'while'"),
        ("if (c) co_await f();", "'if'"),
        ("else co_await f();", "'else'"),
    ],
    "E: a statement expression, and macros that hide one": [
        ("int r = ({ co_await f(); });", "statement expression"),
        ("int r = g(({ auto x = co_await f(); x; }));", "statement expression"),
        ("\n#define TRY(x) co_await x\n;", "macro"),
        ("\n#define TRY(x) \\\n  ({ co_await x; })\n;", "macro"),
    ],
    "F: alignment": [
        ("alignas(64) char buffer[64]; co_await f();", "over-aligned"),
        ("struct alignas(32) Wide { int n; }; co_await f();", "over-aligned"),
    ],
    "the rest of the form": [
        ("co_return co_await f();", "co_return"),
        ("return co_await f();", "return"),
        ("throw co_await f();", "throw"),
        ("co_await f(co_await g());", "second co_await"),
        ("const int n = co_await f() + co_await g();", "'+' in the statement"),
        ("const int n = 1 + co_await f();", "before co_await"),
        ("const int n = co_await f() + 1;", "'+' in the statement"),
        ("const bool b = co_await f() && c;", "'&' in the statement"),
        ("const bool b = c || co_await f();", "before co_await"),
        ("co_await f(a && b);", "'&' in the statement"),
        ("g(co_await f());", "before co_await"),
        ("(void)co_await f();", "before co_await"),
        ("static_cast<void>(co_await f());", "before co_await"),
        ("n += co_await f();", "before co_await"),
        ("auto [a, b] = co_await f();", "structured binding"),
        ("const auto& [a, b] = co_await f();", "structured binding"),
        ("auto x = (co_await f()).value;", "before co_await"),
        ("co_await tasks[0];", "lambda or an index"),
        ("co_await *task;", "'*' in the statement"),
        ("try { g(); } catch (...) { co_await f(); }", "catch"),
        ("try { g(); } catch (...) { if (c) { co_await f(); } }", "catch"),
        ("co_yield 1;", "co_yield"),
        ("auto flow = [x]() -> Task<void> { co_await f(); };", "captures"),
        ("auto flow = [&]() -> Task<void> { co_return; };", "captures"),
        ("auto flow = [this](int n) mutable -> Task<int> { if (n) { co_return 1; } };", "captures"),
    ],
}

# What stands outside a body.
BAD_FILES = [
    ("Task<void> f(Options options = Options());", "default argument"),
    ("Task<int> f(int n, Text text = {});", "default argument"),
    ("Task<std::vector<int>> f(Deadline until = Deadline::never());", "default argument"),
    ("Task<void> f(alignas(32) Wide wide) { co_return; }", "over-aligned"),
    ("Task<void> f(const Text& text) { co_return; }", "bind to a temporary"),
    ("Task<int> C::f(int n, const std::map<int, Text>& m) const { co_return 1; }", "temporary"),
    ("Task<void> f(Text const& text) noexcept { co_return; }", "bind to a temporary"),
    ("template <class F> Task<void> f(F&& call) { co_await g(); }", "bind to a temporary"),
    ("auto f = [](const Text& text) -> Task<void> { co_return; };", "bind to a temporary"),
    ("struct promise_type { int await_transform(Wait& wait); };", "await_transform"),
    ("struct Wait { Text text; void await_suspend(Handle h) {} };", "awaiter Wait"),
    ("class Wait final : public Leaf { public: bool await_suspend(H h); };", "awaiter Wait"),
]

GOOD_STATEMENTS = """\
co_await f();
co_await std::move(task);
co_await operation;
co_await gate->enter(priority);
co_await gate.enter(kHigh, 5, "text", 'c', 1'000, true, nullptr);
auto permit = co_await gate_.enter();
const auto permit = co_await gate.enter();
Scope& scope = co_await this_scope();
const Cause woken = co_await sleep_until(loop.now() + 2 * pause);
std::optional<std::vector<int>> list = co_await f(a);
const Result<Text>* found = co_await find(std::move(key), &place, *other, -1);
status = co_await std::move(task);
ended->cause = co_await f();
*place = co_await f();
co_await ::tidegate::internal::yield();
auto page = co_await with_deadline<Page>(Deadline::at(when), std::move(task));
co_await f(Group::kNobody, Cause::kNone);
for (;;) { auto x = co_await f(); if (!x) break; }
for (int i = 0; i < 3; ++i) { co_await f(); }
if (c) { co_await f(); } else { co_await g(); }
if constexpr (c) { co_await f(); }
while (c) { co_await f(); }
do { co_await f(); } while (c);
switch (c) { case Kind::kOne: co_await f(); break; default: co_await g(); }
try { co_await f(); } catch (...) { error = std::current_exception(); }
try { g(); } catch (...) { h(); } co_await f();
{ const Inside inside(count); co_await f(); }
Options options{.url = url}; auto task = f(std::move(options)); co_await std::move(task);
auto work = [x] { return x; }; co_await f(std::move(work));
auto flow = [](int n) -> Task<int> { co_return n; }; co_await flow(1);
co_return c ? a : b;
co_return Options{.url = url};
// co_await in a comment (if (co_await f()))
/* while (co_await f()) { */ g("if (co_await f()) {", R"x(co_yield " 1)x", '{'); co_await f();
co_await f(  // a comment inside
    a);
"""

GOOD_FILES = [
    "Task<void> f(int n = 5, bool b = true, char* p = nullptr, Kind k = Kind::kOne);",
    "void plain(Options options = {});",
    "Task<void> plain(const Text& text) { return g(text); }",
    "Task<void> f(Group& group, const Text* text, const int n) { co_await g(); }",
    "Result& C::f(Loop& loop) { auto f = [](Scope& s) -> Task<void> { co_return; }; }",
    "struct alignas(64) Counter { int n; }; Task<void> f() { co_return; }",
    "class W { public: W(const W&) = delete; bool await_suspend(Handle h); };",
    "class G::W final : public Leaf { W(const W&) = delete; bool await_suspend(H h); };",
    "template <class T> class W { W(W&&) = delete; bool await_suspend(H h); };",
    "Awaiter operator co_await() && noexcept { return Awaiter(frame_); }",
    "#define NAME(x) x\nTask<void> f() { co_await g(); }",
]


def in_body(statement: str) -> str:
    return f"namespace n {{\nTask<void> Class::flow(int c) const {{\n{statement}\n}}\n}}\n"


def main() -> int:
    failed = []
    bad = [(in_body(text), says) for rows in BAD_STATEMENTS.values() for text, says in rows]
    for text, expected in bad + BAD_FILES:
        found = [fault for _, fault in faults_of(text)]
        if not any(expected in fault for fault in found):
            failed.append(f"not refused: {text!r}: wanted {expected!r}, found {found}")
    good = [in_body(line) for line in re.split(r"\n(?! )", GOOD_STATEMENTS)]
    for text in good + GOOD_FILES + [in_body(GOOD_STATEMENTS)]:
        failed += [f"refused: {text!r}: {fault}" for _, fault in faults_of(text)]
    lines = [line for line, _ in faults_of("\n\n/* a\n b */\nTask<void> f() { g(co_await h()); }")]
    if lines != [5]:
        failed.append(f"the fault of line 5 is reported in {lines}")
    if not list(check(Path(__file__).parent / "nowhere")):
        failed.append("a root without sources passes")
    print(
        "\n".join(failed) or f"{len(bad + BAD_FILES)} bad forms refused, {len(good)} good ones not"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
