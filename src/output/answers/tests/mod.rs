mod fixtures;

use super::*;
use fixtures as f;

#[test]
fn dump() {
    for (lang, width) in [(Lang::En, None), (Lang::Zh, None), (Lang::En, Some(60))] {
        let o = Drawing { lang, palette: Palette::new(false), width };
        let mut none = f::count();
        none.total = 0;
        none.members = 0;
        for a in [
            Answer::Count(f::count()),
            Answer::Count(f::empty()),
            Answer::Count(none),
            Answer::Show(f::show()),
            Answer::Explain(f::explain()),
            Answer::Explain(f::nested()),
            Answer::Why(f::why()),
            Answer::Portrait(f::portrait()),
            Answer::Describe(f::describe()),
            Answer::List(f::list()),
        ] {
            println!("{}\n########", answer(&a, &o));
        }
        println!("{}\n########", audience(&f::selection(), &f::files(), 2, &o));
    }
}
