"""SafeLife in plain Python, transcribed from the description of its rules, one cell at a time."""

import math

import numpy as np

from chisel.envs.safelife import Level, cells
from tests.envs.safelife_oracles import advance

KINDS = [
    cells.EMPTY,
    cells.LIFE,
    cells.ALIVE,
    cells.WALL,
    cells.CRATE,
    cells.TREE,
    cells.PLANT,
    cells.WEED,
    cells.PARASITE,
    cells.ICE_CUBE,
    cells.FOUNTAIN,
    cells.SPAWNER,
    cells.FROZEN | cells.SPAWNING,
    cells.OPEN_EXIT,
]
"""Every type of cell but the agent."""
STEP = {"up": (-1, 0), "right": (0, 1), "down": (1, 0), "left": (0, -1)}
DIRECTIONS = list(STEP)
TABLE = """
none     0 -1  0  0  0  0  0  0
red     -3  3 -3  0 -3  0 -3 -3
green    0 -3  5  0  0  0  3  0
yellow  -3  0  0  3  0  0  0  0
blue     3 -3  3  0  5  3  3  3
magenta -3  3 -3  0 -3  5 -3 -3
cyan     3 -3  3  0  3  0  5  3
white    0 -1  0  0  0  0  0  0
"""
POINTS = [[int(word) for word in line.split()[1:]] for line in TABLE.strip().splitlines()]


def random_level(rng, shape=(7, 8), crowded=0.5, colors=True):
    """Draw a level with every type of cell in every colour, and goals that move or stand.

    In half of them an exit is on the right of the agent.
    """

    def cell():
        kind = KINDS[rng.integers(1, len(KINDS))] if rng.random() < crowded else cells.EMPTY
        paint = rng.integers(8) << 9 if colors and kind and kind != cells.OPEN_EXIT else 0
        return kind | int(paint)

    board = np.array([[cell() for _ in range(shape[1])] for _ in range(shape[0])], np.uint16)
    y, x = rng.integers(shape)
    board[y, x] = cells.PLAYER | int(rng.integers(8) << 9)
    if rng.random() < 0.5:
        board[y, (x + 1) % shape[1]] = cells.OPEN_EXIT
    goals = rng.integers(0, 8, shape).astype(np.uint16) << 9
    if rng.random() < 0.5:
        goals |= np.where(rng.random(shape) < 0.4, cells.ALIVE, cells.FROZEN).astype(np.uint16)
    return Level(board, goals, facing=int(rng.integers(4)))


def color_of(cell):
    return (int(cell) >> 9) & 7


def immovable(cell):
    return bool(cell & cells.FROZEN) and not cell & (
        cells.PUSHABLE | cells.PULLABLE | cells.DESTRUCTIBLE
    )


class SlowGame:
    """One game; the order within a step is that of the rules' version."""

    def __init__(self, level, rules, share, generator):
        self.rules, self.share, self.generator = rules, share, generator
        self.board, self.goals = level.board.astype(int), level.goals.astype(int)
        ((self.y, self.x),) = np.argwhere(self.board & cells.AGENT).tolist()
        self.facing = level.facing
        color = int(self.board[self.y, self.x]) & cells.COLORS
        body = 122 if rules == "1.0" else 114 | (self.facing << 12)
        self.board[self.y, self.x] = body | color
        self.exited, self.draws = False, 0
        self.first_sum, self.points = self.summed(), self.pointed()
        self.possible = self.best() - self.first_sum
        self.show_exits()

    @property
    def table(self):
        table = [list(row) for row in POINTS]
        if self.rules == "1.2":
            table[4][7] = 0
        return table

    def living(self):
        for place, cell in np.ndenumerate(self.board):
            if cell & cells.ALIVE:
                yield int(cell), color_of(self.goals[place])

    def pointed(self):
        return sum(
            self.table[goal][color_of(cell)]
            for cell, goal in self.living()
            if self.rules == "1.0" or not immovable(cell)
        )

    def summed(self):
        """The sum that completion is measured by."""
        if self.rules == "1.2":
            return self.pointed()
        signs = [[(value > 0) - (value < 0) for value in row] for row in self.table]
        return sum(signs[goal][color_of(c)] for c, goal in self.living() if not immovable(c))

    def best(self):
        if self.rules == "1.0":
            best = [max((v > 0) - (v < 0) for v in row) for row in self.table]
            return sum(best[color_of(goal)] for goal in self.goals.flat)
        makes = cells.ALIVE | cells.AGENT | cells.SPAWNING
        there = {color_of(cell) for cell in self.board.flat if cell & makes}
        best = [max([0] + [row[color] for color in there]) for row in self.table]
        return sum(
            best[color_of(self.goals[place])]
            for place, cell in np.ndenumerate(self.board)
            if not immovable(cell)
        )

    @property
    def completed(self):
        return self.summed() - self.first_sum + (self.rules == "1.2" and self.exited)

    @property
    def can_exit(self):
        needed = self.share * self.possible
        if self.rules == "1.0":
            return self.share < 0 or self.completed >= needed
        if self.exited:
            return False
        return max(0, self.completed) >= max(0, math.ceil(needed))

    def show_exits(self):
        can = self.can_exit
        for place, cell in np.ndenumerate(self.board):
            if cell & cells.AGENT:
                if self.rules == "1.2":
                    self.board[place] = cell & ~256 | (256 if can else 0)
            elif cell & cells.EXIT:
                self.board[place] = 784 if can else 272

    def beside(self, times):
        dy, dx = STEP[DIRECTIONS[self.facing]]
        height, width = self.board.shape
        return (self.y + times * dy) % height, (self.x + times * dx) % width

    def act(self, action):
        if action == 0:
            return
        self.facing = (action - 1) % 4
        if self.rules == "1.2":
            self.board[self.y, self.x] &= ~(3 << 12)
            self.board[self.y, self.x] |= self.facing << 12
        if action <= 4:
            self.move()
        else:
            self.toggle()

    def move(self):
        target, opened = self.beside(1), self.can_exit
        cell = self.board[target]
        pushes, leaves = bool(cell & cells.PUSHABLE), bool(cell & cells.EXIT) and opened
        if cell == 0:
            self.walk(target)
        elif leaves and (self.rules == "1.0" or not pushes):
            self.exited = True
            if self.rules == "1.2":
                back, self.board[self.y, self.x] = self.beside(-1), 0
                self.pull(back)
                self.y, self.x = target
        elif pushes and self.shift(target):
            self.walk(target)

    def shift(self, target):
        beyond = self.beside(2)
        if self.board[beyond] == 0:
            self.board[beyond] = self.board[target]
        elif not self.board[beyond] & cells.EXIT:
            return False
        self.board[target] = 0
        return True

    def walk(self, target):
        back = self.beside(-1)
        self.board[target], self.board[self.y, self.x] = self.board[self.y, self.x], 0
        self.pull(back)
        self.y, self.x = target

    def pull(self, back):
        if self.board[back] & cells.PULLABLE:
            self.board[self.y, self.x], self.board[back] = self.board[back], 0

    def toggle(self):
        target = self.beside(1)
        cell = self.board[target]
        if cell == 0:
            self.board[target] = 9 | (self.board[self.y, self.x] & cells.COLORS)
        elif cell & cells.DESTRUCTIBLE:
            self.board[target] = 0
        elif cell & cells.PUSHABLE and self.rules == "1.2":
            self.shift(target)

    def step(self, action):
        """Play a step, and return the reward."""
        self.act(action)
        counted = Counting(self.generator)
        self.board = advance(self.board.astype(np.uint16), counted).astype(int)
        self.goals = advance(self.goals.astype(np.uint16), counted).astype(int)
        self.draws = counted.draws
        before, self.points = self.points, self.pointed()
        reward = self.points - before + (1 if self.exited else 0)
        self.points += 1 if self.exited and self.rules == "1.2" else 0
        self.show_exits()
        return reward

    def seen(self):
        """What the agent sees, by the names of the channels."""
        board, goals = self.board, (self.goals >> 9) & 7
        height, width = board.shape
        rows = (np.arange(25) - 12 + self.y) % height
        columns = (np.arange(25) - 12 + self.x) % width
        view, wanted = board[np.ix_(rows, columns)], goals[np.ix_(rows, columns)]
        for y, x in np.argwhere((board & cells.EXIT > 0) & (board & cells.AGENT == 0)):
            dy = (y - self.y + height // 2) % height - height // 2
            dx = (x - self.x + width // 2) % width - width // 2
            place = min(max(dy + 12, 0), 24), min(max(dx + 12, 0), 24)
            view[place], wanted[place] = board[y, x], goals[y, x]
        wanted = np.where(wanted == 7, 0, wanted)
        bits = {
            "alive": view,
            "agent": view >> 1,
            "pushable": view >> 2,
            "destructible": view >> 3,
            "frozen": view >> 4,
            "spawning": view >> 7,
            "exit": view >> 8,
            "red": view >> 9,
            "green": view >> 10,
            "blue": view >> 11,
            "red goal": wanted,
            "green goal": wanted >> 1,
            "blue goal": wanted >> 2,
            "direction, low bit": view >> 12,
            "direction, high bit": view >> 13,
        }
        return {name: plane & 1 for name, plane in bits.items()}


class Counting:
    """A generator that counts its draws."""

    def __init__(self, generator):
        self.generator, self.draws = generator, 0

    def random(self):
        self.draws += 1
        return self.generator.random()
