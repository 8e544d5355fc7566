"""UNECE Recommendation 20 codes as UCUM units: the common codes of OPC UA engineering units (OPC 10000-8, 5.6.3.3).

On OPC UA the UnitId is the code's characters as one number: CEL is 4408652.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_ROWS = """
C62 1 | H87 1 | EA 1 | P1 % | 59 [ppm] | 61 [ppb]
CEL Cel | FAH [degF] | KEL K
BAR bar | MBR mbar | PAL Pa | A97 hPa | KPA kPa | MPA MPa | PS [psi] | HN mm[Hg]
WTT W | KWT kW | MAW MW | D46 V.A | KVA kV.A | KVR kvar
JOU J | KJO kJ | 3B MJ | WHR W.h | KWH kW.h | MWH MW.h | GWH GW.h | K3 kvar.h
VLT V | 2Z mV | KVT kV | AMP A | 4K mA | B84 uA | OHM Ohm | B49 kOhm
HTZ Hz | KHZ kHz | MHZ MHz | A86 GHz | RPM rpm | M46 rpm | C94 /min | RPS /s | C97 /s | H10 /h
SEC s | C26 ms | B98 us | C47 ns | MIN min | HUR h | DAY d | WEE wk
MTR m | DMT dm | CMT cm | MMT mm | 4H um | C45 nm | KMT km | NMI [nmi_i]
INH [in_i] | FOT [ft_i] | YRD [yd_i] | SMI [mi_i]
MTK m2 | DMK dm2 | CMK cm2 | MMK mm2 | KMK km2 | HAR har | INK [in_i]2 | FTK [ft_i]2
MTQ m3 | DMQ dm3 | CMQ cm3 | MMQ mm3 | LTR l | HLT hl | DLT dl | CLT cl | MLT ml | 4G ul | K6 kl
INQ [in_i]3 | FTQ [ft_i]3 | GLL [gal_us] | GLI [gal_br]
KGM kg | GRM g | MGM mg | MC ug | TNE t | LBR [lb_av] | ONZ [oz_av]
MQH m3/h | MQS m3/s | G52 m3/d | L2 l/min | E32 l/h | G51 l/s | KGS kg/s | F31 kg/min | E93 kg/h
MTS m/s | C16 mm/s | H81 mm/min | 2X m/min | KMH km/h | KNT [kn_i] | HM [mi_i]/h | MSK m/s2
KMQ kg/m3 | 23 g/cm3 | GL g/l | M1 mg/l | B35 kg/l | GP mg/m3
NEW N | B47 kN | C20 mN | NU N.m | C24 mPa.s | S4 m2/s
C81 rad | DD deg | 2A rad/s | E96 deg/s | LUX lx | LUM lm | CDL cd
"""

UNECE: Mapping[str, str] = MappingProxyType(
    dict(row.split() for line in _ROWS.split("\n") for row in line.split("|") if row.strip())
)
"""UCUM unit by UNECE code."""


def ucum_unit(unece: str) -> str:
    """The UCUM unit of a UNECE Recommendation 20 code, as devices give it: `Cel` for `CEL`; empty if unknown."""
    return UNECE.get(unece.strip(), "")
