"""A worker stays with its model, and helps others when nothing is left of it."""

from __future__ import annotations

from shapebias_ray.queue import Piece, Queue


class Named(Piece):
    """A piece without cells."""

    def __init__(self, model, images):
        object.__setattr__(self, "named", (model, images))

    model = property(lambda self: self.named[0])
    images = property(lambda self: self.named[1])


def filled(**models):
    queue = Queue()
    for model, images in models.items():
        for count in images:
            queue.put(Named(model, count))
    return queue


def taken(queue, loaded, elsewhere=()):
    piece = queue.take(loaded, elsewhere)
    return piece and (piece.model, piece.images)


def test_pieces_of_the_loaded_model_come_first_and_in_order():
    queue = filled(a=[1], b=[2, 3])
    assert [taken(queue, "b") for _ in range(4)] == [("b", 2), ("b", 3), ("a", 1), None]
    assert not queue


def test_then_a_model_that_no_other_worker_has():
    queue = filled(a=[9], b=[1])
    assert taken(queue, None, {"a"}) == ("b", 1)


def test_then_the_one_with_the_most_images_left():
    queue = filled(a=[2, 2, 2], b=[5])
    assert [taken(queue, None, {"a", "b"})[0] for _ in range(3)] == ["a", "b", "a"]
