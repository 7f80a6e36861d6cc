"""The rows in NumPy, written by hand as fast as we know how: what the compiler's programs are held to.

Buffers, views and transposes are made once; every call writes into one (``out`` by position where NumPy allows it).
Parameters lie side by side in one array, and so do gradients. Scalars are arrays of rank 0, which ufuncs take fastest.
Large arrays are worked on in blocks that fit the cache, by one thread or by two.
"""

from __future__ import annotations
