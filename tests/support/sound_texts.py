"""Sound text of many languages, scripts and kinds, which no judge may take for garbage.

The prose is article 1 of the Universal Declaration of Human Rights, or the start of article 2.
"""

from __future__ import annotations

PROSE = {
    "English": "All human beings are born free and equal in dignity and rights. They are endowed "
    "with reason and conscience and should act towards one another in a spirit of brotherhood.",
    "German": "Alle Menschen sind frei und gleich an Würde und Rechten geboren. Sie sind mit "
    "Vernunft und Gewissen begabt und sollen einander im Geist der Brüderlichkeit begegnen.",
    "French": "Tous les êtres humains naissent libres et égaux en dignité et en droits. Ils sont "
    "doués de raison et de conscience et doivent agir les uns envers les autres dans un esprit de "
    "fraternité.",
    "Spanish": "Todos los seres humanos nacen libres e iguales en dignidad y derechos y, dotados "
    "como están de razón y conciencia, deben comportarse fraternalmente los unos con los otros.",
    "Polish": "Wszyscy ludzie rodzą się wolni i równi pod względem swej godności i swych praw. Są "
    "oni obdarzeni rozumem i sumieniem i powinni postępować wobec innych w duchu braterstwa.",
    "Czech": "Všichni lidé rodí se svobodní a sobě rovní co do důstojnosti a práv. Jsou nadáni "
    "rozumem a svědomím a mají spolu jednat v duchu bratrství.",
    "Croatian": "Sva ljudska bića rađaju se slobodna i jednaka u dostojanstvu i pravima. Ona su "
    "obdarena razumom i sviješću i trebaju jedna prema drugima postupati u duhu bratstva.",
    "Hungarian": "Minden emberi lény szabadon születik és egyenlő méltósága és joga van. Az "
    "emberek, ésszel és lelkiismerettel bírván, egymással szemben testvéri szellemben kell hogy "
    "viseltessenek.",
    "Finnish": "Kaikki ihmiset syntyvät vapaina ja tasavertaisina arvoltaan ja oikeuksiltaan. "
    "Heille on annettu järki ja omatunto, ja heidän on toimittava toisiaan kohtaan veljeyden "
    "hengessä.",
    "Welsh": "Genir pawb yn rhydd ac yn gydradd â'i gilydd mewn urddas a hawliau. Fe'u "
    "cynysgaeddir â rheswm a chydwybod, a dylai pawb ymddwyn y naill at y llall mewn "
    "ysbryd cymodlon.",
    "Turkish": "Bütün insanlar hür, haysiyet ve haklar bakımından eşit doğarlar. Akıl ve vicdana "
    "sahiptirler ve birbirlerine karşı kardeşlik zihniyeti ile hareket etmelidirler.",
    "Vietnamese": "Tất cả mọi người sinh ra đều được tự do và bình đẳng về nhân phẩm và quyền. Mọi "
    "con người đều được tạo hoá ban cho lý trí và lương tâm và cần phải đối xử với nhau trong tình "
    "bằng hữu.",
    "Swahili": "Watu wote wamezaliwa huru, hadhi na haki zao ni sawa. Wote wamejaliwa akili na "
    "dhamiri, hivyo yapasa watendeane kindugu.",
    "Latin": "Omnes homines dignitate et iure liberi et pares nascuntur, rationis et conscientiae "
    "participes sunt, quibus inter se concordiae studio est agendum.",
    "Icelandic": "Hver maður er borinn frjáls og jafn öðrum að virðingu og réttindum. Menn eru "
    "gæddir vitsmunum og samvisku, og ber þeim að breyta bróðurlega hverjum við annan.",
    "Russian": "Все люди рождаются свободными и равными в своем достоинстве и правах. Они наделены "
    "разумом и совестью и должны поступать в отношении друг друга в духе братства.",
    "Greek": "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα. "
    "Είναι προικισμένοι με λογική και συνείδηση, και οφείλουν να συμπεριφέρονται μεταξύ τους με "
    "πνεύμα αδελφοσύνης.",
    "Arabic": "يولد جميع الناس أحرارا متساوين في الكرامة والحقوق. وقد وهبوا عقلا وضميرا وعليهم أن "
    "يعامل بعضهم بعضا بروح الإخاء.",
    "Hebrew": "כל בני האדם נולדו בני חורין ושווים בערכם ובזכויותיהם. כולם חוננו בתבונה ובמצפון, "
    "לפיכך חובה עליהם לנהוג איש ברעהו ברוח של אחווה.",
    "Hindi": "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता प्राप्त है।",
    "Thai": "มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์และสิทธิ ต่างมีเหตุผลและมโนธรรม",
    "Chinese": "人人生而自由,在尊严和权利上一律平等。"
    "他们赋有理性和良心,并应以兄弟关系的精神相对待。",
    "Japanese": "すべての人間は、生まれながらにして自由であり、かつ、"
    "尊厳と権利とについて平等である。",
    "Korean": "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.",
}

KINDS = {
    "numbers": "\n".join(
        f"{year}  {year * 37 % 9973:>8,} {year * 17 % 977 / 10:.1f} % {year % 90} mm {year % 7} kg"
        for year in range(1990, 2024)
    ),
    "code": '''def walk(tree, depth=0):
    """Yield (name, size) for each node."""
    for name, child in sorted(tree.items()):
        if isinstance(child, dict) and depth < MAX_DEPTH:
            yield from walk(child, depth + 1)
        else:
            yield f"{'  ' * depth}{name}", len(child) >> 10 if child else 0
const xs = rows.filter((r) => r !== null && !r["x"]).map(({a, b}) => a[0] ?? b?.c);
for (int i = 0; i < n; ++i) { *p++ = (uint8_t)(q[i] ^ 0xff); if (!p) goto fail; }
static const std::map<std::string, std::vector<int>> kTable = {{"a", {1, 2}}, {"b", {}}};
''',
    "json": '{"id": 7, "tags": ["a", "b"], "size": {"w": 1.5e3, "h": null}, "ok": true},\n' * 20,
    "formulas": "∫₀^∞ e^{−x²} dx = √π/2, ∇×E = −∂B/∂t, α + β ≤ γ; ∑_{k=1}^{n} k² = n(n+1)(2n+1)/6\n"
    "f(x) = a₀ + Σ (aₙ cos nx + bₙ sin nx), x ∈ ℝ, ‖x‖₂ ≥ 0, A ⊂ B ⇒ A ∩ B = A, Δx·Δp ≥ ħ/2\n"
    "𝑥̂ = (𝐴ᵀ𝐴)⁻¹𝐴ᵀ𝑏, λ₁ ≥ λ₂ ≥ … ≥ λₙ, P(A|B) = P(B|A)P(A)/P(B), μ = 4π×10⁻⁷ N/A²\n",
    "chemicals": "2-(4-isobutylphenyl)propanoic acid; N-(4-hydroxyphenyl)ethanamide; "
    "1,3,7-trimethylpurine-2,6-dione; (2S,5R,6R)-3,3-dimethyl-7-oxo-6-(2-phenylacetamido)-4-thia-"
    "1-azabicyclo[3.2.0]heptane-2-carboxylic acid; methylchloroisothiazolinone; "
    "dichlorodiphenyltrichloroethane; polytetrafluoroethylene; C8H10N4O2, Na2SO4·10H2O; "
    "trinitrotoluene, ethylenediaminetetraacetic acid, tetrahydrocannabinol, acetylsalicylic acid",
    "compounds": "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft "
    "Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz "
    "Kraftfahrzeughaftpflichtversicherung Grundstücksverkehrsgenehmigungszuständigkeit "
    "Straßenverkehrszulassungsordnung und Arbeiterunfallversicherungsgesetz",
    "capitals": "NOTICE: THE LICENSEE SHALL NOT BE LIABLE FOR ANY INDIRECT, INCIDENTAL OR "
    "CONSEQUENTIAL DAMAGES ARISING OUT OF THE USE OF THIS EQUIPMENT, EVEN IF ADVISED OF THE "
    "POSSIBILITY OF SUCH DAMAGES. SEE SECTION 4 FOR WARRANTY TERMS AND CONDITIONS.",
    "words": "\n".join(
        "abacus abbot zephyr zinc yacht wharf sphynx rhythm lynx jukebox kayak quartz vodka oxygen "
        "fjord gypsy myrrh nymph crypt glyph tryst dwarf phlox qualm squab thumb wreck yolk".split()
    ),
    "codes": " ".join(
        f"{a}{b}X{c}-{n}Q" for n in range(10, 30) for a, b, c in ("BKW", "ZRT", "QFH")
    ),
    "tickers": "AAPL MSFT NVDA GOOGL AMZN META TSLA BRKB AVGO JPMC WMTQ LLYX VZRT XOMK ORCL MAPG "
    "COST HDJB NFLX BACK ABBV CVXZ TMUS KOPL CRMX WFCT CSCO PMIB IBMQ ABTN MCDR LINX GEAB MRKT "
    "PLTR AXPN ISRG TXNK QCOM DISV INTU UBER CATX BKNG RTXP VRTX SPGI GSMN AMGN",
    "protein": "MKTAYIAKQR QISFVKSHFS RQLEERLGLI EVQAPILSRV GDGTQDNLSG AEKAVQVKVK ALPDAQFEVV "
    "HSLAKWKRQT LGQHDFSAGE GLYTHMKALR PDEDRLSPLH SVYVDQWDWE RVMGDGERQF STLKSTVEAI WAGIKATEAA "
    "VSEEFGLAPF LPDQIHFVHS QELLSRYPDL DAKGRERAIA KDLGAVFLVG IGGKLSDGHR HDVRAPDYDD",
    "contents": "1 Introduction " + "." * 80 + " 1\n2 Methods " + ". " * 40 + "12\n+------+-----+\n"
    "| name | qty |\n+======+=====+\n" + "-" * 70,
    "bullets": "\n".join(f"\uf0b7 {word}" for word in ("Yes", "No", "Later", "Milk", "Bread") * 8),
    "ticks": "\n".join(f"Item {n} \uf0fc \uf0fb" for n in range(30)),
    "emoji": "Great work 🎉🎉 see you 👍 tomorrow 🚀 and thanks ❤️ to all of you",
    "addresses": "https://example.org/a?b=c&d=%20e#f mail@example.com C:\\Temp\\x.txt ~/.bashrc "
    "$HOME",
    "about cids": "When a font has no table, extractors print “(cid:12)” for each glyph. To avoid "
    "(cid:12) in the output, embed a ToUnicode table; readers then find the words they look for.",
}
