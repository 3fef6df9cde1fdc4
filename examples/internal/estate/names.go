package estate

// What the generator draws from. Some of it has letters that are in code page
// 1252 and not in ASCII, in one byte there and two or three in UTF-8.
var (
	forenames = []string{
		"Aisha", "Anaïs", "Beth", "Chloë", "Daniel", "Emeka", "Fatima", "Grace", "Hüseyin", "Isaac",
		"José", "Kwame", "Leila", "Mohammed", "Niamh", "Olu", "Priya", "Renée", "Siân", "Thomas", "Zoë",
	}
	surnames = []string{
		"Adeyemi", "Ahmed", "Begum", "Clarke", "D’Arcy", "Fernández", "Grant", "Hussain", "Jones", "Kaya",
		"Macdonald", "Núñez", "O’Neill", "Patel", "Roberts", "Škoda", "Smith", "Taylor", "Weiß", "Williams",
	}
	titles  = []string{"Mr", "Ms", "Mrs", "Miss", "Dr", "Mx"}
	streets = []string{
		"Albion Road", "Café Yard", "Dalston Lane", "Evering Road", "Graham Road", "King’s Walk",
		"Mare Street", "Morning Lane", "St John’s Way", "Well Street",
	}
	usernames = []string{"a.okafor", "b.lindqvist", "c.o’brien", "d.marchetti"}
	comments  = []string{
		"Called, no answer", "Left a message", "Promised £20 a week from Friday", "Paid £35.50 at the café desk",
		"Tenant’s sister will ring back", "Letter 1 sent – balance over £100",
	}
	notes = []string{
		"Do not call before 10.\nDog in the garden.", "Prefers letters in large print; “no email, please”",
		"Résumé of the visit is on paper file 7", "Owes £12 for a lost key",
	}
)
