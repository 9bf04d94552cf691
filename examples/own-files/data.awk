# Makes up 3,000 people as the files of study.toml. Yours come from your databases.
function phone(n) { return sprintf("138%08d", n * 7919 % 100000000) }
function event(n, purpose, status, time) {
    printf "{\"user_id\": %s, \"purpose\": \"%s\", \"status\": \"%s\", \"timestamp\": \"%s\", \"device\": {\"os\": \"android\", \"build\": [14, 2.1]}}\n", phone(n), purpose, status, time > "log.jsonl"
}
BEGIN {
    srand(1)
    people = 3000
    split("books food garden toys", department, " ")
    print "phone,town" > "members.csv"
    print "phone,friend" > "friends.csv"
    print "phone,paid,paid_at,department" > "orders.csv"
    for (n = 1; n <= people; n++) {
        print phone(n) "," (rand() < 0.6 ? "north" : "south") > "members.csv"
        for (f = int(rand() * 6); f > 0; f--) print phone(n) "," phone(1 + int(rand() * people)) > "friends.csv"
        for (p = int(rand() * 8); p > 0; p--)
            printf "%s,%.2f,2026-09-%02d 12:%02d:00,%s\n", phone(n), (500 + int(rand() * rand() * 20000)) / 100, 1 + int(rand() * 30), int(rand() * 60), department[1 + int(rand() * 4)] > "orders.csv"
        # Every tenth was never asked, every hundredth withdrew one of the two consents within an hour of as-of.
        if (n % 10 == 0) continue
        event(n, "research", "granted", "2026-09-01 09:01:00")
        event(n, "purchase_data", "granted", "2026-09-01 09:01:20")
        if (n % 100 == 1) event(n, "purchase_data", "opted_out", "2026-10-01 07:30:00")
    }
}
