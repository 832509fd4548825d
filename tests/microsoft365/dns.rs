//! What DNS shall say, read from the tenant.

use crate::world::World;
use mailferry::model::reading::Reading;
use mailferry::model::records::{Mx, RecordSet};
use mailferry::observed::{ZoneState, ZoneView};
use mailferry::planner::mail_flow::{self, MailFlow};
use mailferry::planner::plan::{PersonStep, Plan, Records, WaitingOn};
use mailferry::simulate::web::{DirectoryDomain, Door, WebFault, WebMischief};
use std::collections::{BTreeMap, BTreeSet};

const ZONE: &str = "dns:\n  zones:\n    acme.example: { mx: microsoft-365, spf: microsoft-365, autodiscover: microsoft-365 }\n";
const LITERAL: &str =
    "dns:\n  zones:\n    acme.example: { mx: [ { host: mx.filter.example, preference: 5 } ] }\n";
const OLD_SPF: &str = "v=spf1 include:emailsrvr.com ip4:192.0.2.1 ~all";

fn view(mx: &str, spf: &[&str], autodiscover: &str) -> ZoneView {
    let texts = spf.iter().chain([&"another=text"]).map(ToString::to_string);
    let mx = Mx { preference: 10, host: mx.to_owned() };
    let cname = RecordSet { ttl: 300, records: BTreeSet::from([autodiscover.to_owned()]) };
    ZoneView {
        mx: Reading::Present(RecordSet { ttl: 300, records: BTreeSet::from([mx]) }),
        ns: Reading::Absent,
        txt: Reading::Present(RecordSet { ttl: 300, records: texts.collect() }),
        cname: BTreeMap::from([("autodiscover.acme.example".to_owned(), Reading::Present(cname))]),
    }
}

fn serve(world: &World, views: &[ZoneView]) {
    let authoritative = views
        .iter()
        .enumerate()
        .map(|(number, view)| (format!("ns{number}.example"), Reading::Present(view.clone())))
        .collect();
    let state = ZoneState { authoritative, resolvers: BTreeMap::new() };
    world.zones.0.lock().unwrap().insert("acme.example".parse().unwrap(), state);
}

fn old() -> ZoneView {
    view("mx1.emailsrvr.com", &[OLD_SPF], "autodiscover.emailsrvr.com")
}

fn step<'a>(plan: &'a Plan, id: &str) -> Option<&'a PersonStep> {
    plan.for_person.iter().find(|step| step.id.0 == id)
}

fn unknown(plan: &Plan) -> Vec<&str> {
    plan.unknown.iter().map(|unknown| unknown.object.as_str()).collect()
}

#[tokio::test(start_paused = true)]
async fn what_the_tenant_names_becomes_steps_for_a_person() {
    let world = World::new(ZONE);
    serve(&world, &[old(), old()]);
    let plan = world.start().plan(&world).await;
    assert!(plan.unknown.is_empty() && plan.guards.is_empty(), "{plan:?}");
    let Records::Mx { wanted, .. } = &step(&plan, "mx/acme.example").unwrap().records else {
        panic!("{plan:?}")
    };
    let wanted: Vec<String> = wanted.iter().map(ToString::to_string).collect();
    assert_eq!(wanted, ["0 acme-example.mail.protection.outlook.com."]);
    let Records::Spf { wanted, .. } = &step(&plan, "spf/acme.example").unwrap().records else {
        panic!("{plan:?}")
    };
    assert_eq!(
        wanted,
        "v=spf1 include:emailsrvr.com ip4:192.0.2.1 include:spf.protection.outlook.com ~all"
    );
    let step = step(&plan, "autodiscover/acme.example").unwrap();
    assert!(step.instruction.contains("one CNAME to `autodiscover.outlook.com.`"), "{step:?}");
    assert!(plan.for_person.iter().all(|step| step.on.is_empty()));
}

#[tokio::test(start_paused = true)]
async fn a_zone_that_says_it_all_is_settled_also_while_its_servers_follow() {
    let world = World::new(ZONE);
    let merged =
        "v=spf1 include:emailsrvr.com ip4:192.0.2.1 include:spf.protection.outlook.com ~all";
    let mut new = view("x", &[merged], "autodiscover.outlook.com");
    let host = "acme-example.mail.protection.outlook.com".to_owned();
    let records = BTreeSet::from([Mx { preference: 0, host }]);
    new.mx = Reading::Present(RecordSet { ttl: 300, records });
    serve(&world, &[new.clone(), new.clone()]);
    let process = world.start();
    let plan = process.plan(&world).await;
    assert!(plan.for_person.is_empty() && plan.unknown.is_empty(), "{plan:?}");
    assert!(plan.settled.values().filter(|kind| kind.all == 1).all(|kind| kind.settled == 1));
    // One of the servers is behind: the same record is wanted of it.
    serve(&world, &[new, old()]);
    let plan = process.plan(&world).await;
    let behind = step(&plan, "spf/acme.example").unwrap();
    assert_eq!(behind.servers, ["ns1.example"]);
    let Records::Spf { wanted, .. } = &behind.records else { panic!("{behind:?}") };
    assert_eq!(wanted, merged);
}

#[tokio::test(start_paused = true)]
async fn an_mx_waits_until_its_domain_is_verified_and_copying_does_not() {
    for (more, is_literal) in [(LITERAL, true), (ZONE, false)] {
        let mut world = World::new(more);
        world.deliver(crate::world::ADA, "INBOX", 2);
        serve(&world, &[old()]);
        world.tenant.set_domain("acme.example", DirectoryDomain::new("acme.example", false));
        let process = world.start();
        let plan = process.plan(&world).await;
        let [guard] = plan.guards.as_slice() else { panic!("{plan:?}") };
        assert_eq!((guard.code.as_str(), guard.object.as_str()), ("G401", "acme.example"));
        assert!(guard.message.contains("TXT record `MS=ms12345678`"), "{guard:?}");
        assert!(plan.ready.iter().any(|action| action.id.0.starts_with("copy")), "{plan:?}");
        assert!(plan.changes() && plan.waiting.is_empty(), "{plan:?}");
        assert!(plan.unknown.is_empty(), "{:?}", plan.unknown);
        let on = WaitingOn::Acknowledgement {
            code: "G401".to_owned(),
            object: "acme.example".to_owned(),
        };
        let mx = step(&plan, "mx/acme.example").unwrap();
        assert_eq!(mx.on, std::slice::from_ref(&on));
        if !is_literal {
            for name in ["mx", "spf", "autodiscover"] {
                let step = step(&plan, &format!("{name}/acme.example")).unwrap();
                assert_eq!((&step.records, &step.on), (&Records::Untold, &vec![on.clone()]));
                assert!(step.instruction.contains("enter the TXT record `MS=ms12345678`"));
            }
        }
        assert!(plan.settled.values().all(|kind| kind.all != 1 || kind.settled == 0));
        world.desired.acknowledged.push(mailferry::desired::Acknowledgement {
            code: guard.code.clone(),
            object: guard.object.clone(),
            digest: guard.digest.clone(),
            position: guard.position.clone().unwrap(),
        });
        let plan = process.plan(&world).await;
        let mx = step(&plan, "mx/acme.example").unwrap();
        assert!(mx.on.is_empty() && plan.unknown.is_empty());
        // To accept it does not tell the records.
        assert_eq!(mx.records == Records::Untold, !is_literal);
    }
}

#[tokio::test(start_paused = true)]
async fn a_domain_that_the_tenant_lacks_is_said_and_one_that_nobody_tells_of_is_unknown() {
    let mut world = World::new(LITERAL);
    serve(&world, &[old()]);
    world.tenant.add_fault(WebFault { door: Door::Graph, nth: 1, what: WebMischief::Page(404) });
    let process = world.start();
    let plan = process.plan(&world).await;
    assert_eq!(unknown(&plan), ["domain acme.example at the tenant"]);
    assert!(plan.guards.is_empty());
    let on = WaitingOn::Readable("domain acme.example at the tenant".to_owned());
    assert_eq!(step(&plan, "mx/acme.example").unwrap().on, [on]);
    // Another tenant than the one that has the domain.
    let zones: BTreeMap<_, _> = world
        .desired
        .zones
        .values()
        .cloned()
        .map(|zone| ("other.example".parse().unwrap(), zone))
        .collect();
    world.desired.zones = zones;
    let state = world.zones.0.lock().unwrap().values().next().cloned().unwrap();
    world.zones.0.lock().unwrap().insert("other.example".parse().unwrap(), state);
    let plan = process.plan(&world).await;
    let [guard] = plan.guards.as_slice() else { panic!("{plan:?}") };
    assert!(guard.message.contains("has no domain other.example"), "{guard:?}");
}

#[tokio::test(start_paused = true)]
async fn one_cause_is_one_unknown_whatever_the_tenant_is_asked_for() {
    let world = World::new(ZONE);
    serve(&world, &[old()]);
    let process = world.start();
    world.tenant.add_fault(WebFault { door: Door::Graph, nth: 1, what: WebMischief::Page(404) });
    let plan = process.plan(&world).await;
    assert_eq!(unknown(&plan), ["domain acme.example at the tenant"]);
    assert!(plan.for_person.is_empty() && plan.guards.is_empty(), "{plan:?}");
    world.tenant.add_fault(WebFault { door: Door::Graph, nth: 2, what: WebMischief::Page(404) });
    let plan = process.plan(&world).await;
    assert_eq!(unknown(&plan), ["records acme.example at the tenant"]);
    assert!(plan.for_person.is_empty() && plan.guards.is_empty(), "{plan:?}");
}

#[tokio::test(start_paused = true)]
async fn an_spf_record_that_may_be_void_or_names_the_tenant_alone_is_said() {
    let world = World::new(ZONE);
    let includes = |count: usize| {
        (0..count).fold("v=spf1".to_owned(), |all, n| format!("{all} include:{n}.example"))
    };
    let costly = |plan: &Plan| {
        let found = plan.findings.iter().find(|finding| finding.code == "F403");
        found.map(|finding| finding.message.clone())
    };
    for (own, said) in [(8, None), (9, Some("has 10 terms that ask DNS"))] {
        let spf = format!("{} ~all", includes(own));
        serve(&world, &[view("mx1.emailsrvr.com", &[&spf], "x")]);
        let plan = world.start().plan(&world).await;
        assert!(step(&plan, "spf/acme.example").is_some());
        match (costly(&plan), said) {
            (Some(message), Some(said)) => assert!(message.contains(said), "{message}"),
            (found, said) => assert!(found.is_none() && said.is_none(), "{own}: {found:?}"),
        }
    }
    serve(&world, &[view("mx1.emailsrvr.com", &[], "x")]);
    let plan = world.start().plan(&world).await;
    let alone = &step(&plan, "spf/acme.example").unwrap().instruction;
    assert!(alone.contains("it names the tenant alone"), "{alone}");
    serve(
        &world,
        &[view("mx1.emailsrvr.com", &["v=spf1 -include:spf.protection.outlook.com"], "x")],
    );
    let plan = world.start().plan(&world).await;
    assert_eq!(unknown(&plan), ["spf acme.example at the tenant"]);
    assert!(plan.unknown[0].failure.message.contains("the first mechanism that matches decides"));
}

#[tokio::test(start_paused = true)]
async fn an_spf_record_that_only_a_person_can_merge_is_unknown() {
    let world = World::new(ZONE);
    let two = view("mx1.emailsrvr.com", &["v=spf1 mx -all", OLD_SPF], "autodiscover.emailsrvr.com");
    serve(&world, &[two]);
    let process = world.start();
    let plan = process.plan(&world).await;
    assert_eq!(unknown(&plan), ["spf acme.example at the tenant"]);
    assert!(plan.unknown[0].failure.message.contains("2 SPF records"), "{:?}", plan.unknown);
    let other = view("mx1.emailsrvr.com", &["v=spf1 mx -all"], "autodiscover.emailsrvr.com");
    serve(&world, &[old(), other]);
    let plan = process.plan(&world).await;
    assert!(plan.unknown[0].failure.message.contains("differ in the SPF record"));
    assert!(step(&plan, "mx/acme.example").is_some() && step(&plan, "spf/acme.example").is_none());
}

#[tokio::test(start_paused = true)]
async fn mail_that_arrives_at_the_tenant_or_may_is_never_taken_to_arrive_at_the_source() {
    let world = World::new(ZONE);
    let domain = "acme.example".parse().unwrap();
    let directory = world.start().directory.domain(&domain).await.unwrap();
    let seen = |mx: &str| {
        serve(&world, &[view(mx, &[OLD_SPF], "x")]);
        Reading::Present(world.zones.0.lock().unwrap()[&domain].clone())
    };
    let flow = |mx: &str| {
        let seen = seen(mx);
        let planned = mail_flow::of(&domain, &world.desired, Some(&directory), Some(&seen));
        (planned, mail_flow::again(&domain, &world.desired, Some(&seen)))
    };
    let (planned, again) = flow("mx1.emailsrvr.com");
    assert!(matches!(planned, MailFlow::AtSource(_)) && planned == again, "{planned:?} {again:?}");
    // What the tenant names now, what it named before, and the newer form.
    for mx in [
        "acme-example.mail.protection.outlook.com",
        "acme-example0b.mail.protection.outlook.com",
        "acme-example.e-v1.mx.microsoft",
    ] {
        let (planned, again) = flow(mx);
        assert!(matches!(planned, MailFlow::Moved(_)), "{mx}: {planned:?}");
        assert!(matches!(again, MailFlow::Moved(_)), "{mx}: {again:?}");
    }
    // Nobody knows what the tenant wants: its MX may be any host.
    let unread = Reading::Unreadable(mailferry::model::reading::Failure {
        message: "no answer".to_owned(),
        words: None,
        hint: None,
    });
    for directory in [None, Some(&unread)] {
        let seen = seen("mx1.emailsrvr.com");
        let planned = mail_flow::of(&domain, &world.desired, directory, Some(&seen));
        let object = "domain acme.example at the tenant".to_owned();
        assert_eq!(planned, MailFlow::Unreadable(object));
        // The plan names the zone and says no more of it.
        let planned = mail_flow::of(&domain, &world.desired, directory, Some(&Reading::Absent));
        assert_eq!(planned, MailFlow::Unreadable("zone acme.example".to_owned()));
    }
    let found = seen("mx1.emailsrvr.com");
    let planned = mail_flow::of(&domain, &world.desired, Some(&Reading::Absent), Some(&found));
    let why = "the tenant acme.onmicrosoft.com has no domain acme.example".to_owned();
    assert_eq!(planned, MailFlow::Untold(why));
    // A host of the tenant's own that has none of the known names.
    let mut named = DirectoryDomain::new("acme.example", true);
    "mail.filter.example".clone_into(&mut named.mail_exchange);
    world.tenant.set_domain("acme.example", named);
    let directory = world.start().directory.domain(&domain).await.unwrap();
    let seen = seen("mail.filter.example");
    let planned = mail_flow::of(&domain, &world.desired, Some(&directory), Some(&seen));
    assert!(matches!(planned, MailFlow::Moved(_)), "{planned:?}");
}
