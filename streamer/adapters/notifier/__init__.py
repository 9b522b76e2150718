"""alert_ports.Channel by HTTP and through apprise: Alertmanager, signed webhooks, chats.

Rule: a destination's address never stands in an error or a log, it may hold a token; nor what the other side answered.
"""

from streamer.adapters.notifier.alertmanager import Alertmanager
from streamer.adapters.notifier.chats import AppriseChannel
from streamer.adapters.notifier.webhook import Webhook

__all__ = ["Alertmanager", "AppriseChannel", "Webhook"]
