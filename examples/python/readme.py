import asyncio
import sys

import tidegate as tg

ENDLESS = "WITH RECURSIVE n AS (SELECT 1 UNION ALL SELECT * FROM n) SELECT count(*) FROM n"


async def main() -> None:
    ex = tg.Executor()
    db = ex.sqlite(sys.argv[1] if len(sys.argv) > 1 else ":memory:")
    async with tg.page(18) as page:  # no call outlives its page, none makes it fail
        car = page.query(db, "SELECT :make AS make", {"make": "Audi"})
        slow = page.query(db, ENDLESS, timeout=0.2, default=[])
    # after 0.2 s both have ended, and the endless query has really stopped
    for op in (car, slow):
        print(op.source, op.value, op.error)


asyncio.run(main())
