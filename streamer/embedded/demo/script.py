"""What is said in the demo."""

from typing import NamedTuple


class Conversation(NamedTuple):
    session: str
    turns: tuple[tuple[str, str], ...]


_CALM = (
    ("Where is my order?", "It left our warehouse this morning."),
    ("Can I change the delivery address?", "Yes, until it is handed to the carrier."),
    ("How do I reset my password?", "I have sent you a link."),
    ("Do you ship to Norway?", "We do, in four days."),
    ("What is your return policy?", "Thirty days, free of charge."),
    ("My invoice shows the wrong name.", "I have corrected it and sent a new one."),
    ("Is the blue one back in stock?", "Since yesterday."),
    ("Can I pay by bank transfer?", "Of course; here are the details."),
    ("The discount code does not work.", "It had expired; here is a new one."),
    ("Can I add a gift note?", "Done, what shall it say?"),
    ("How long is the warranty?", "Two years."),
)
MORNING = tuple(
    Conversation(f"chat-{n:02}", ((user, assistant), ("Thanks, that works.", "You are welcome!")))
    for n, (user, assistant) in enumerate(_CALM, start=1)
)
ANGRY = Conversation(
    "chat-12",
    (
        ("My refund has not arrived.", "Refunds take five working days."),
        ("This is the third time I ask. This is useless!", "I am sorry to hear that."),
    ),
)
RETURN = ("Somebody called me, the refund is here. Thank you, perfect.", "I am glad it worked out!")
_BUSY = (
    (("The parcel of order {order} is damaged.", "I will send a new one."), ("Great, thank you!", "Sure.")),
    (("Order {order}: I want to speak to a human, this is a waste of time.", "One moment."),),
    (("Which size of order {order} fits me?", "M, by your measurements."), ("Perfect.", "Good choice!")),
    (("Can order {order} be a gift card?", "From ten euros."), ("Thanks!", "You are welcome.")),
    (("The courier with order {order} is late.", "He comes by six."), ("Great.", "I will watch it.")),
    (("Is order {order} vegan?", "All of it."), ("Wonderful, thank you.", "Enjoy!")),
)


def busy_hour(first: int) -> tuple[Conversation, ...]:
    """Six conversations, chat-<first> and on. No two hours ask the model the same."""
    return tuple(
        Conversation(f"chat-{first + n}", tuple((user.format(order=first + n), answer) for user, answer in turns))
        for n, turns in enumerate(_BUSY)
    )


def last_one(number: int) -> Conversation:
    return Conversation(f"chat-{number}", (("Is anybody there?", "I am."), ("Great, thanks.", "Any time.")))
