"""Says how a picture of print must be turned to be upright."""
from __future__ import annotations
import numpy as np
from PIL import Image
from .print_lines import find_ink as find_ink, find_lines, Lines
_LONGEST=1600
def look(pixels):
    g=pixels.convert("L")
    k=_LONGEST/max(g.size)
    if k<1: g=g.resize((max(1,round(g.width*k)),max(1,round(g.height*k))),Image.Resampling.BOX)
    ink=find_ink(g)
    if ink is None: return None
    return find_lines(ink), find_lines(ink.transpose(Image.Transpose.ROTATE_90))
def stat(l):
    n=len(l.above)
    if n<3: return (n,)+(0,)*7
    na,nd=(l.above*l.strokes).sum(),(l.below*l.strokes).sum()
    v=l.above-l.below
    sure=abs(v)>.02
    f=(v[sure]>0).mean() if sure.any() else .5
    return n,na,nd,(na+.01)/(nd+.01),f,(na-nd)/(na+nd+1)**.5,(2*f-1)*sure.sum()**.5, na/l.strokes.sum()
def decide(o):
    if o is None: return 0
    side=int(o[1].area>o[0].area)
    big,small=o[side],o[1-side]
    if small.area>.3*big.area: return 0
    n,na,nd,r,f,z,zs,dens=stat(big)
    if n<6: return 0
    up=z>0
    if not up: r,f,z,zs,dens=1/r,1-f,-z,-zs,nd/big.strokes.sum()
    if big.share < (.4 if n<60 else .15): return 0
    m=min(z,zs)
    few= side and m>1.8 and r>2 and f>.75 and dens>.055
    many= m>(2.5 if side else 4.5) and r>(1.35 if side else 1.5) and f>(.62 if side else .68) and dens>(.055 if side else .06)
    if not (few or many): return 0
    return (3 if up else 1) if side else (0 if up else 2)
def quarter_turns(p): return decide(look(p))
