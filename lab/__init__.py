"""The browser lab, in which people draw mazes, edit an agent's network and watch it act."""

from chisel.lab.offline import offline_page
from chisel.lab.serving import serve
from chisel.lab.session import Board, Session, Slot, read_session
from chisel.lab.widget import widget

__all__ = ["Board", "Session", "Slot", "offline_page", "read_session", "serve", "widget"]
