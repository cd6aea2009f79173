"""tidegate in other libraries' clothes: one module for each, imported by name.

None of them is imported by ``import tidegate``, and each but the first and the last needs the
library that it is for: ``pip install tidegate[requests]``.

========================  =====================================================================
``adapters.aiolimiter``   aiolimiter's ``AsyncLimiter``.
``adapters.fastapi``      Lifespan, dependencies, request deadlines, health, HTTP caching.
``adapters.httpx``        Transports for ``httpx.Client`` and ``httpx.AsyncClient``.
``adapters.requests``     An adapter for ``requests.Session.mount()``.
``adapters.urllib3``      urllib3's ``Retry`` as a ``RetryPolicy``.
========================  =====================================================================
"""
