"""One module for each command of `selfhelp`; `endings` says how they may end."""
