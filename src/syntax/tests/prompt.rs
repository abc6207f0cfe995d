use crate::syntax::{Entry, entry_state};

#[test]
fn an_entry_goes_on_or_runs() {
    use Entry::*;
    for (text, state) in [
        ("", Blank),
        ("  -- nothing\n", Blank),
        ("segment a where x > 5", Complete),
        ("count a", Complete),
        ("segment a where x >", Incomplete),
        ("segment a where x > 5 and", Incomplete),
        ("segment a where x in (1,", Incomplete),
        ("segment a", Incomplete),
        ("segment", Incomplete),
        ("tag x =", Incomplete),
        ("tag x = count(t in last 90", Incomplete),
        ("@owner \"x\"", Incomplete),
        ("segment a where x > )", Complete),
        ("segment a where x > \"abc", Complete),
        ("segment a where x > ;", Complete),
        ("audience a from b", Incomplete),
        ("audience a from b\n  require x", Incomplete),
        ("audience a from b\n  require x;", Complete),
        ("audience a from b\n  require x\n", Complete),
        ("audience a from b\n  require x\n   ", Complete),
        ("source a from \"x\"", Incomplete),
        ("rfm v from t", Incomplete),
        ("score s base 1", Incomplete),
        ("tag x = case when a then 1", Incomplete),
        ("tag x = case when a then 1\n  else 2", Incomplete),
        ("tag x = case when a then 1\n  else 2\n", Complete),
        ("tag x = case when a then 1 end", Complete),
        ("audience a from b; count a", Complete),
        ("nonsense here", Complete),
    ] {
        assert_eq!(entry_state(text), state, "{text:?}");
    }
}
