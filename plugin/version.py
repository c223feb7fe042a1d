"""Which version of the app this is."""

from importlib.metadata import version

VERSION = version("selfhelp-referral")
