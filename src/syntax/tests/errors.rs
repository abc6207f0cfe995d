use super::{finding, findings, read};

#[test]
fn syntax_errors_in_words() {
    for (text, error) in [("tag x = ", "E0101 «» expected a value, found the end of the text")] {
        assert_eq!(finding(text), error, "{text}");
    }
}

#[test]
fn several_errors_come_out_of_one_run() {
    let text = "segment a where x >\nsegment b where y > 1\ntag = 5\nsegment c where z ~ 3\ntag d = 4\n";
    let (script, _) = read(text);
    assert_eq!(script.statements.len(), 2);
    assert_eq!(findings(text), Vec::<String>::new());
}
