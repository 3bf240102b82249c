"""Frequent words of several languages and scripts, the most frequent first."""

from __future__ import annotations

LATIN = (
    "the of and to in is that for it as was with be by on not he his but at are this have from "
    "or had an they which one you were all her she there would their we him been has when who "
    "will no more if out so up said what its about than into them can only other time new some "
    "could these two may first then do any like my now over such our man me even most made "
    "after also did many off before must well back through years where much your way down "
    "should because long each just state people those good world part still between high system "
    "number house water place during without another against country company children "
    "government example development family right school public large group problem service "
    "possible important question business national different although remember together "
    "anything morning usually quickly paragraph photograph",
    "der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als auch es "
    "an werden aus er hat dass sie nach wird bei einer um am sind noch wie einem über einen so "
    "zum war haben nur oder aber vor zur bis mehr durch man sein wurde sei prozent hatte kann "
    "gegen vom können schon wenn habe seine mark ihre dann unter wir soll ich eines jahr zwei "
    "jahren diese dieser wieder keine uhr seiner worden will zwischen immer millionen was sagte "
    "Gesellschaft",
    "de la le et les des en un du une que est pour qui dans par pas au plus sur ne se ce il "
    "sont avec être aux cette ou ont été mais comme deux même ses tout nous fait sans après "
    "années leurs peut entre faire dont encore aussi toujours premier grande jour monde "
    "politique gouvernement quelques pendant développement plusieurs moins depuis chaque "
    "question pays jamais temps",
    "che di la il un a per in una mi sono ho non ma lo ha le si ti con cosa se io come da ci "
    "questo qui hai sei del tu solo al mio era bene tutto te della gli anche perché quando "
    "sempre dove grazie tempo casa quello essere fatto stato vita uomo anni prima parte governo "
    "popolo paese",
)
"""Frequent words of English, German, French and Italian."""

OTHER_SCRIPTS = {
    "Cyrillic": "и в не на я быть он с что а по это она этот к но они мы весь который из у то за "
    "свой вы год от так о для ты же все тот мочь человек такой его сказать только или ещё бы себя "
    "один как уже до время если сам когда другой вот говорить наш мой знать стать при чтобы дело "
    "жизнь кто первый очень два день рука даже во новый раз город работа страна",
    "Greek": "και το να του η της με που την από για τα είναι των σε ο οι στο θα τη στην τον τους "
    "δεν τις ένα μια ότι ή στη στα μας αλλά κατά στον είχε έχει ήταν μετά πολύ όπως αυτό χρόνια "
    "μπορεί πρώτη μόνο πρέπει όταν κάθε όλα ώρα ζωή μεγάλη σήμερα κόσμο εταιρεία υπάρχει",
    "Hebrew": "של את על לא הוא זה עם כל היא גם או כי אם אני יש בין היה אבל רק יותר לפני אחד שנים "
    "כמה היום ביום מאוד אחר ישראל אחרי איך מה אין בית עוד כך זאת שלו אדם דבר לאחר",
    "Arabic": "في من على إلى أن التي هذا عن مع هذه كان الذي بعد ما لا كما هو بين وقد قال كل ذلك "
    "عام خلال يوم قبل حيث غير أو منذ حتى العربية رئيس دولة مصر أكثر أول",
    "Georgian": "და არ ეს რომ მე იყო კი თუ რა მის არის როგორც მაგრამ უფრო შემდეგ დროს წელს ერთი "
    "ყველა მისი მხოლოდ თავის საქართველოს ქვეყნის სახელმწიფო ადამიანის",
    "Armenian": "է և որ ու մի են այս այդ եւ իր նրա համար մասին հետ էր պետք ոչ բայց երբ նաև մեր շատ "
    "Հայաստանի տարի մարդ կարող ժամանակ բոլոր մինչև մեծ",
}
"""Frequent words of scripts that DejaVu Sans holds."""
