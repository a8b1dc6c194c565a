"""Nothing that the review names is missing: each of its terms, for each task, is a loss with a card that says so."""

import pytest

import lossbook as lb
from lossbook.review import LOSSES

TERMS = [(task, term, names) for task, terms in LOSSES.items() for term, names in terms.items()]


@pytest.mark.parametrize(("task", "term", "names"), TERMS, ids=[f"{task}: {term}" for task, term, _ in TERMS])
def test_every_term_is_a_loss_that_names_the_task(task, term, names):
    assert names
    for name in names:
        assert task in lb.cards[name].tasks, name


def test_the_tasks_are_those_of_the_review():
    assert len(LOSSES) == 14
    assert {task for card in lb.cards.values() for task in card.tasks} == set(LOSSES)
