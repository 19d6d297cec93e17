"""Words and names of the spoken texts."""


FUNCTION = """the a of to in and for with on at by from this that your our my his her their
some every no as but""".split()

CONTENT = """able above account across action address advice afternoon again age agree air airport almost
alone already always amount animal answer apple area arm army around arrive artist autumn
average away baby back bad bag baker balance ball bank bath beach bear beautiful become bed
begin behind believe bell belong bench better between bicycle big bill bird birthday black
blanket blue board boat body bone book border borrow bottle bottom bowl box boy branch brave
bread break breakfast bridge bright bring broken brother brown build burn bus business busy
butter button buy cake calm camera camp candle captain card careful carpet carry castle catch
center chair chance change cheap cheese chicken child choose church circle city class clean
clear clever climb clock close cloth cloud coast coat coffee cold collect color comfort common
company complete concert cook cool corner correct cost count country couple courage cousin cover
cross crowd cup curtain custom daily dance danger dark daughter day dear decide deep defend
degree deliver desert desk dinner direct discover dish distance divide doctor dog double doubt
dream dress drink drive dry duck dust duty early earth easy edge effort egg eight electric empty
engine enjoy enough enter equal evening exact example exchange expect expensive explain eye face
factory fair fall family famous farmer fast father favor fence festival field fight finger
finish fire fish five flag flat floor flower fly follow food foot forest forget forward free
fresh friend front full funny future garden gate gather gentle gift girl give glad glass gold
good grand grass gray great green ground group grow guess guest guide habit hair half hand
happen happy harbor hard head healthy heart heavy help hill history hold holiday honest honey
hope horse hospital hotel hour house hungry hurry husband idea important inside island join
journey judge keep kind king kitchen know lake lamp large last late laugh law leaf learn leather
leave left lesson letter level library light little local long lucky lunch machine magic major
make manage many market master matter meal measure meat medicine meet member middle milk million
mind minute mirror modern moment money month moon morning mother mountain mouth move music
narrow nation nature near neat neighbor never noise north notice number object ocean offer
office often old onion open orange order paper parent park party pass path peace pencil people
pepper perfect picture piece pink place plain plant plate pleasant pocket point""".split()

FIRST = """James Mary Robert Linda Michael Susan David Karen Richard Nancy Thomas Helen Charles
Donna Daniel Carol Matthew Ruth Anthony Sharon Mark Laura Steven Amy Andrew Angela Kenneth Brenda
Joshua Emma George Pamela Kevin Nicole Brian Samantha Edward Katherine Ronald Rachel""".split()
LAST = """Smith Johnson Williams Brown Jones Garcia Miller Davis Wilson Anderson Taylor Moore
Jackson Martin Thompson White Harris Clark Lewis Robinson Walker Young Allen King Wright Scott
Torres Hill Green Adams Nelson Baker Hall Campbell Mitchell Carter Roberts Turner Phillips
Parker""".split()

FIRMS = ["Alder Energy", "Brightwater Insurance", "Copperfield Bank", "Delmar Travel",
         "Evergreen Dental", "Foxhall Motors", "Granite Telecom", "Hudson Pharmacy"]
FIRM_BEFORE = "Hello and thank you for taking this call today from"            # ten words
FIRM_AFTER = "we have an important announcement for our customers."           # eight words
