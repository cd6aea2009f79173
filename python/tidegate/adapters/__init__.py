"""tidegate in other libraries' clothes: one module for each, imported by name.

None of them is imported by ``import tidegate``, and each needs the library that it is for.

========================  =====================================================================
``adapters.fastapi``      Lifespan, dependencies, request deadlines, health, HTTP caching.
========================  =====================================================================
"""
