# Makes up 3,000 people as the four files of study.toml. Yours come from your databases.
function phone(n) { return sprintf("138%08d", n * 7919 % 100000000) }
BEGIN {
    srand(1)
    people = 3000
    split("books food garden toys", department, " ")
    print "phone,town" > "members.csv"
    print "phone,friend" > "friends.csv"
    print "phone,cents,when,department" > "purchases.csv"
    print "person,handler,event,kind,trigger,purpose,recipient,categories,methods,notice,notice_version,shown_at,at,giver,own_step,pre_ticked,bundle_size,service_gate" > "consents.csv"
    for (n = 1; n <= people; n++) {
        print phone(n) "," (rand() < 0.6 ? "north" : "south") > "members.csv"
        for (f = int(rand() * 6); f > 0; f--) print phone(n) "," phone(1 + int(rand() * people)) > "friends.csv"
        for (p = int(rand() * 8); p > 0; p--)
            printf "%s,%d,2026-09-%02dT12:%02d:00+08:00,%s\n", phone(n), 500 + int(rand() * rand() * 20000), 1 + int(rand() * 30), int(rand() * 60), department[1 + int(rand() * 4)] > "purchases.csv"
        # One in ten was never asked; all others consented to each of the two things in a step of its own.
        if (rand() < 0.1) continue
        for (t = 1; t <= 2; t++)
            print phone(n) ",club,given,separate," (t == 1 ? "SC23" : "SC29") ",audience-insight,RESEARCH-1,profile|social-relation|purchase-record,aggregate,N-CLUB,1,2026-09-01T09:00:00+08:00,2026-09-01T09:01:00+08:00,self,true,false,1,false" > "consents.csv"
    }
}
