"""How plugins are described, found and looked up; what a plugin itself imports is :mod:`shapebias.plugin`."""
