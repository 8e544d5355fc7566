"""Production orders: what the line works off, one after the other."""

import random
from dataclasses import dataclass

FIRST_ORDER = 4711
PRODUCTS = (("10-2001", "Mineral water 0.5 l"), ("10-2002", "Lemonade 0.5 l"), ("10-2005", "Apple spritzer 0.5 l"))
_QUANTITIES = (480, 600, 720, 960, 1200)


@dataclass(slots=True)
class Order:
    """An order on the line: `good` and `reject` are bottles of this order only, and end where the next begins."""

    number: int
    quantity: int
    material: str
    product: str
    good: int = 0
    reject: int = 0

    @property
    def done(self) -> bool:
        return self.good >= self.quantity


def next_order(rng: random.Random, after: Order | None = None) -> Order:
    number = after.number + 1 if after else FIRST_ORDER
    material, product = PRODUCTS[number % len(PRODUCTS)]
    return Order(number, rng.choice(_QUANTITIES), material, product)
