"""What a plugin author imports: hooks and specs, parameters, and the helpers that the built-in plugins use themselves.

    from shapebias import plugin

    @plugin.hookimpl
    def shapebias_transforms():
        yield plugin.TransformSpec("posterize", Posterize, summary="few levels of each colour")

Every name is imported when it is first used; ``plugin.pyi`` lists them.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub("shapebias", __file__)
