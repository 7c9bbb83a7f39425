"""People's names by country: each as its usual spelling and its Latin spelling.

Thai, Persian and Japanese names have two scripts; German and French ones a spelling without
umlauts and accents. British and American names have one spelling.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

_GERMAN = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss"}
)


@dataclass(frozen=True, slots=True)
class Spelled:
    """One name: `native` as its bearer writes it, `latin` in plain ASCII letters."""

    native: str
    latin: str


def plain(text: str) -> str:
    """German and French text in ASCII letters: Müller -> Mueller, Élodie -> Elodie."""
    decomposed = unicodedata.normalize("NFD", text.translate(_GERMAN))
    return "".join(char for char in decomposed if not unicodedata.combining(char))


def _pairs(text: str) -> tuple[Spelled, ...]:
    """``latin=native`` words, or single words whose Latin spelling follows from them."""
    names = []
    for word in text.split("|"):
        latin, _, native = word.strip().partition("=")
        names.append(Spelled(native or latin, plain(latin)))
    return tuple(names)


FIRST: dict[str, tuple[Spelled, ...]] = {
    "TH": _pairs(
        "Somchai=สมชาย|Somsak=สมศักดิ์|Suda=สุดา|Malee=มาลี|Narong=ณรงค์|Kanya=กัญญา|"
        "Prasert=ประเสริฐ|Wichai=วิชัย|Anong=อนงค์|Siriporn=ศิริพร|Chaiwat=ชัยวัฒน์|"
        "Nattapong=ณัฐพงศ์|Pimchanok=พิมพ์ชนก|Thanawat=ธนวัฒน์|Kittisak=กิตติศักดิ์|"
        "Rattana=รัตนา|Apinya=อภิญญา|Supachai=ศุภชัย|Nam Jai=น้ำใจ|Ornanong=อรอนงค์|"
        "Worawut=วรวุฒิ|Jiraporn=จิราพร|Tanakorn=ธนากร|Duangjai=ดวงใจ|Pornthip=พรทิพย์|"
        "Ekachai=เอกชัย|Yupin=ยุพิน|Amnat=อำนาจ|Saengdao=แสงดาว|Kamon=กมล"
    ),
    "IR": _pairs(
        "Ali Reza=علی‌رضا|Maryam=مریم|Mohammad=محمد|Fatemeh=فاطمه|Hossein=حسین|"
        "Zahra=زهرا|Mehdi=مهدی|Narges=نرگس|Kamran=کامران|Shirin=شیرین|Kaveh=کاوه|"
        "Leila=لیلا|Amir Ali=امیرعلی|Parisa=پریسا|Behrouz=بهروز|Nasrin=نسرین|"
        "Siavash=سیاوش|Mina=مینا|Kiarash=کیارش|Elaheh=الهه|Farhad=فرهاد|Yasaman=یاسمن|"
        "Keyvan=کیوان|Mahsa=مهسا|Rouzbeh=روزبه|Taraneh=ترانه"
    ),
    "DE": _pairs(
        "Jürgen|Anke|Björn|Käthe|Stefan|Ulrike|Günter|Sabine|Jörg|Heike|Matthias|Bärbel|"
        "Thomas|Monika|Sören|Claudia|Andreas|Birgit|Rüdiger|Katrin|Lukas|Hannah|Felix|"
        "Leonie|Götz|Frieda|Anton|Maximilian|Lena|Tobias"
    ),
    "FR": _pairs(
        "Élodie|François|Hélène|Jérôme|Céline|Frédéric|Aurélie|Sébastien|Chloé|Rémi|"
        "Anaïs|Benoît|Margaux|Gaël|Noémie|Étienne|Camille|Mathieu|Solène|Thibault|"
        "Agnès|Cédric|Inès|Loïc|Manon|Pascal|Véronique|Xavier|Zoé|Olivier"
    ),
    "GB": _pairs(
        "Oliver|Amelia|Harry|Isla|George|Poppy|Alfie|Freya|Callum|Imogen|Rhys|Siobhan|"
        "Nigel|Fiona|Graham|Hazel|Duncan|Beatrice|Alistair|Phoebe|Ewan|Maisie|Rupert|"
        "Gemma|Colin|Tamsin|Angus|Bronwen|Hugh|Nicola"
    ),
    "US": _pairs(
        "James|Ashley|Michael|Jessica|Tyler|Brittany|Robert|Madison|Joshua|Kimberly|"
        "Brandon|Samantha|Austin|Taylor|Kevin|Megan|Justin|Lauren|Carlos|Maria|DeShawn|"
        "Keisha|Ethan|Abigail|Logan|Hailey|Marcus|Priya|Wei|Nicole"
    ),
    "JP": _pairs(
        "Haruto=陽翔|Yui=結衣|Kenji=健二|Sakura=さくら|Takashi=隆|Yoko=陽子|Hiroshi=浩|"
        "Aiko=愛子|Daiki=大輝|Naomi=直美|Ren=蓮|Misaki=美咲|Satoshi=聡|Emi=恵美|"
        "Kazuki=一樹|Rika=里香"
    ),
}  # fmt: skip

LAST: dict[str, tuple[Spelled, ...]] = {
    "TH": _pairs(
        "Srisuk=ศรีสุข|Wongsawat=วงศ์สวัสดิ์|Saetang=แซ่ตั้ง|Chaiyaporn=ไชยพร|"
        "Rattanakul=รัตนกุล|Thongdee=ทองดี|Boonmee=บุญมี|Suksawat=สุขสวัสดิ์|"
        "Jaidee=ใจดี|Phromsiri=พรหมศิริ|Intharat=อินทรัตน์|Kaewmanee=แก้วมณี|"
        "Panyawong=ปัญญาวงศ์|Sombatsiri=สมบัติศิริ|Charoensuk=เจริญสุข|Namthip=น้ำทิพย์|"
        "Limthongkul=ลิ้มทองกุล|Ruangrit=เรืองฤทธิ์|Meesuk=มีสุข|Yodrak=ยอดรัก|"
        "Tansakul=ตันสกุล|Amornchai=อมรชัย|Duangkaew=ดวงแก้ว|Hongthong=หงส์ทอง|"
        "Kittikhun=กิตติคุณ|Nakprasit=นาคประสิทธิ์|Saelim=แซ่ลิ้ม|Udomsap=อุดมทรัพย์|"
        "Wattana=วัฒนา|Phanich=พาณิชย์"
    ),
    "IR": _pairs(
        "Mohammadi=محمدی|Mahmoudi=محمودی|Hosseinzadeh=حسین‌زاده|Karimi=کریمی|"
        "Rezaei=رضایی|Ahmadi=احمدی|Kazemi=کاظمی|Akbari=اکبری|Mousavi=موسوی|"
        "Sharifi=شریفی|Tehrani=تهرانی|Nikpour=نیک‌پور|Yazdani=یزدانی|Kiani=کیانی|"
        "Alizadeh=علی‌زاده|Bagheri=باقری|Golestani=گلستانی|Shirazi=شیرازی|"
        "Rahimi=رحیمی|Kermani=کرمانی|Javadi=جوادی|Fallahi=فلاحی|Isfahani=اصفهانی|"
        "Ghasemi=قاسمی|Zandi=زندی|Pakdel=پاک‌دل"
    ),
    "DE": _pairs(
        "Müller|Schröder|Weiß|Köhler|Jäger|Böhm|Schäfer|Krüger|Groß|Lüdemann|Schmidt|"
        "Fischer|Wagner|Becker|Hoffmann|Bauer|Vogel|Winkler|Lorenz|Hübner|Frank|Keller|"
        "Sommer|Brandt|Böttcher|Ziegler|Kühn|Thiel|Seidel|Grünwald"
    ),
    "FR": _pairs(
        "Lefèvre|Béranger|Guérin|Fournier|Lemaître|Rousseau|Mercier|Dupré|Gauthier|"
        "Perrin|Chevalier|Fontaine|Leclerc|Bélanger|Moreau|Garnier|Renaud|Hébert|Marchand|"
        "Vidal|Aubert|Noël|Picard|Rey|Schneider|Lacroix|Baudouin|Delmas|Crépin|Maréchal"
    ),
    "GB": _pairs(
        "Ashworth|Blackwood|Carmichael|Davies|Ellington|Fairclough|Griffiths|Hargreaves|"
        "Ingram|Jenkins|Kingsley|Llewellyn|Macleod|Nightingale|O'Connor|Pemberton|"
        "Ramsbottom|Sutherland|Thornton|Underwood|Whitaker|Yates|Atkinson|Bradshaw|"
        "Cartwright|Drummond|Fitzgerald|Holloway|McAllister|Penrose"
    ),
    "US": _pairs(
        "Anderson|Brooks|Castillo|Delgado|Edwards|Foster|Gonzalez|Harrison|Jefferson|"
        "Kowalski|Lawson|Mitchell|Nguyen|Olsen|Patterson|Quinn|Ramirez|Stevenson|Tran|"
        "Vasquez|Walker|Yang|Zimmerman|Bennett|Coleman|Sullivan|Hernandez|Freeman|Pacheco|"
        "Van Buren"
    ),
    "JP": _pairs(
        "Sato=佐藤|Suzuki=鈴木|Takahashi=高橋|Tanaka=田中|Watanabe=渡辺|Ito=伊藤|"
        "Yamamoto=山本|Nakamura=中村|Kobayashi=小林|Kato=加藤|Yoshida=吉田|Yamada=山田|"
        "Matsumoto=松本|Inoue=井上|Kimura=木村|Hayashi=林"
    ),
}  # fmt: skip
