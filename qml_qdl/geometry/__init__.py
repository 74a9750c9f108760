"""Fields on planes, spheres, meshes and lattices, and layers that turn with them."""

__all__: list[str] = []
