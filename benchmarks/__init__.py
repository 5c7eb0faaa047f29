"""How fast, as ratios: each figure stands beside a peer that the same run measured on the same machine.

`python -m benchmarks` runs everything; docs/reference/benchmarks.md says what the figures mean. A measurement is one
file with `async def measure(ground, sizes) -> list[Figure]`. Nothing timed is asserted anywhere.
"""
