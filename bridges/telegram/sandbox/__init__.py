"""Telegram, played: the Bot API for one bot, and a page to be the person on the other side."""
