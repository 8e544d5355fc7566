"""Transactions that wait until the disk has room again."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable

from flowhost.engine.outbox.changes import Advance, Append, KeepLedger, KeepStates, Transaction


class Held:
    """Transactions with new messages, and those that must not overtake them, in order.

    What lets messages leave needs next to no room and makes some, so it goes on while the disk is full.
    """

    def __init__(self) -> None:
        self._transactions: deque[Transaction] = deque()
        self._lanes: set[Hashable] = set()

    def __len__(self) -> int:
        return len(self._transactions)

    def sift(self, transactions: Iterable[Transaction]) -> list[Transaction]:
        """Keep those that have to wait; the others, in order."""
        return [transaction for transaction in transactions if not self._keep(transaction)]

    def give_back(self) -> list[Transaction]:
        """All of them, in order; none waits any more."""
        transactions = list(self._transactions)
        self._transactions.clear()
        self._lanes.clear()
        return transactions

    def _keep(self, transaction: Transaction) -> bool:
        if not grows(transaction) and self._lanes.isdisjoint(transaction.lanes):
            return False
        # it would be written after newer ones; the next entry has all of it
        transaction.changes = [change for change in transaction.changes if not isinstance(change, KeepLedger)]
        self._transactions.append(transaction)
        self._lanes.update(transaction.lanes)
        return True


def grows(transaction: Transaction) -> bool:
    """Whether a transaction takes more room than it makes: new messages, or new states where no message leaves."""
    kinds = {type(change) for change in transaction.changes}
    return Append in kinds or (KeepStates in kinds and Advance not in kinds)
