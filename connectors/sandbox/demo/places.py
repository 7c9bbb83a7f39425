"""Countries of the demo data: cities, telephone numbering, currencies, mail providers.

Telephone numbers are well-formed and stand in ranges kept for fiction where those pass for
valid numbers (555 in the United States, the Bundesnetzagentur's and Ofcom's drama numbers).
"""

from __future__ import annotations

from dataclasses import dataclass

from connectors.sandbox.demo.names import Spelled


@dataclass(frozen=True, slots=True)
class City:
    """A city with its region and the first digits of its postal codes."""

    name: Spelled
    region: str
    postal: str


@dataclass(frozen=True, slots=True)
class Numbering:
    """How a country writes telephone numbers.

    Attributes:
        calling: country calling code.
        trunk: what is dialled before a national number inside the country, '' if nothing.
        mobile, fixed: patterns of the significant number; ``#`` is a digit, a space a group.
    """

    calling: str
    trunk: str
    mobile: tuple[str, ...]
    fixed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Country:
    """One country; `names` are spellings found in accounts, the English name first."""

    code: str
    names: tuple[str, ...]
    currency: str
    numbering: Numbering
    cities: tuple[City, ...]
    streets: tuple[str, ...]
    postal_tail: int
    free_mail: tuple[str, ...]
    top_level: tuple[str, ...]
    weight: int
    digits: str = ""
    """The country's own digits, where people type them."""

    def postal_code(self, city: City, number: int) -> str:
        """A postal code of the city, the same for the same number."""
        return f"{city.postal}{number % 10**self.postal_tail:0{self.postal_tail}d}"


def _cities(text: str) -> tuple[City, ...]:
    """``latin=native/region/postal`` entries."""
    found = []
    for entry in text.split("|"):
        name, region, postal = entry.split("/")
        latin, _, native = name.partition("=")
        found.append(City(Spelled(native or latin, latin), region, postal))
    return tuple(found)


_US_AREAS = ("415", "212", "312", "206", "512", "617", "303", "404", "305", "702", "503", "602")

COUNTRIES: tuple[Country, ...] = (
    Country(
        "TH", ("Thailand", "TH"), "THB",
        Numbering("66", "0", ("81 ### ####", "89 ### ####", "62 ### ####"),
                  ("2 6## ####", "2 2## ####")),
        _cities(
            "Bangkok=กรุงเทพมหานคร/Bangkok/10|Chiang Mai=เชียงใหม่/Chiang Mai/50|"
            "Phuket=ภูเก็ต/Phuket/83|Khon Kaen=ขอนแก่น/Khon Kaen/40|Rayong=ระยอง/Rayong/21"
        ),
        ("Sukhumvit Road", "Rama IV Road", "ถนนสีลม", "Nimmanhaemin Road", "ถนนพหลโยธิน"),
        3, ("gmail.com", "hotmail.co.th", "yahoo.co.th", "outlook.co.th"), ("co.th", "com"), 30,
        "๐๑๒๓๔๕๖๗๘๙",
    ),
    Country(
        "US", ("United States", "US", "USA"), "USD",
        Numbering("1", "", tuple(f"{area} 555 ####" for area in _US_AREAS[:6]),
                  tuple(f"{area} 555 ####" for area in _US_AREAS[6:])),
        _cities(
            "San Francisco/CA/941|New York/NY/100|Chicago/IL/606|Austin/TX/787|Seattle/WA/981|"
            "Denver/CO/802"
        ),
        ("Market Street", "5th Avenue", "Lake Shore Drive", "Congress Avenue", "Pine Street"),
        2, ("gmail.com", "yahoo.com", "outlook.com", "icloud.com"), ("com", "io", "net"), 20,
    ),
    Country(
        "DE", ("Germany", "DE", "Deutschland"), "EUR",
        Numbering("49", "0", ("171 392####", "152 288 1####"), ("30 2312 ####", "40 6696 ####")),
        _cities(
            "Berlin/Berlin/10|Munich=München/Bayern/80|Cologne=Köln/Nordrhein-Westfalen/50|"
            "Hamburg/Hamburg/20|Düsseldorf/Nordrhein-Westfalen/40"
        ),
        ("Hauptstraße", "Bahnhofstraße", "Königsallee", "Am Mühlbach", "Gartenweg"),
        3, ("web.de", "gmx.de", "t-online.de", "gmail.com"), ("de", "com"), 14,
    ),
    Country(
        "FR", ("France", "FR"), "EUR",
        Numbering("33", "0", ("6 12 3# ## ##",), ("1 99 00 ## ##", "2 61 91 ## ##")),
        _cities(
            "Paris/Île-de-France/75|Lyon/Auvergne-Rhône-Alpes/69|Nîmes/Occitanie/30|"
            "Nantes/Pays de la Loire/44"
        ),
        ("rue de la République", "avenue Émile-Zola", "boulevard Haussmann", "place de l'Église"),
        3, ("orange.fr", "free.fr", "laposte.net", "gmail.com"), ("fr", "com"), 11,
    ),
    Country(
        "GB", ("United Kingdom", "GB", "UK"), "GBP",
        Numbering("44", "0", ("7911 12####", "7400 12####"), ("20 7946 ####", "161 496 ####")),
        _cities("London/Greater London/EC1|Manchester/Greater Manchester/M1|"
                "Edinburgh/Scotland/EH1|Bristol/Somerset/BS1"),
        ("High Street", "Station Road", "Victoria Road", "Church Lane"),
        1, ("gmail.com", "yahoo.co.uk", "btinternet.com", "hotmail.co.uk"), ("co.uk", "com"), 11,
    ),
    Country(
        "IR", ("Iran", "IR"), "IRR",
        Numbering("98", "0", ("912 ### ####", "935 ### ####"), ("21 8### ####",)),
        _cities("Tehran=تهران/Tehran/11|Isfahan=اصفهان/Isfahan/81|Shiraz=شیراز/Fars/71|"
                "Tabriz=تبریز/East Azerbaijan/51"),
        ("Valiasr Street", "خیابان آزادی", "Enghelab Street", "خیابان کریم‌خان"),
        8, ("gmail.com", "chmail.ir", "yahoo.com"), ("ir", "co.ir"), 9,
        "۰۱۲۳۴۵۶۷۸۹",
    ),
    Country(
        "JP", ("Japan", "JP"), "JPY",
        Numbering("81", "0", ("90 2### ####", "80 3### ####"), ("3 5### ####",)),
        _cities("Tokyo=東京/Tokyo/100|Osaka=大阪/Osaka/530|Kyoto=京都/Kyoto/600"),
        ("Chuo-dori", "Meiji-dori", "御堂筋"),
        4, ("gmail.com", "yahoo.co.jp", "docomo.ne.jp"), ("co.jp", "jp"), 5,
    ),
)  # fmt: skip

BY_CODE: dict[str, Country] = {country.code: country for country in COUNTRIES}

#: Currencies that have no smaller unit in use.
WHOLE: frozenset[str] = frozenset({"IRR", "JPY"})
