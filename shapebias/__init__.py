"""Does this image classifier look at shape or at texture?

A study runs models over images whose texture or shape has been destroyed, and keeps every answer in one file:

    import shapebias as sb

    study = sb.Study("cue-conflict:PATH", "timm:resnet50", ["clean", "saturate:p=8", "patch-shuffle:k=4"])
    results = sb.run(study, "run.h5")
    results.metric("shape-bias")

Every name is imported when it is first used, so that ``import shapebias`` is quick.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
