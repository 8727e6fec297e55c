"""How plugins are described, found and looked up; plugins themselves import :mod:`shapebias.plugin`."""
