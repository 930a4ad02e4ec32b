//! The Lua files: each says what it takes and touches one key.

use std::fs;
use std::path::Path;

#[test]
fn every_script_says_what_it_takes_and_touches_one_key() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/directory/redis/lua");
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let name = path.display();
        let header: Vec<&str> = text.lines().take_while(|line| line.starts_with("--")).collect();
        assert!(header.iter().any(|line| line.starts_with("-- KEYS[1]  ")), "{name}: no KEYS in the header");
        assert!(header.iter().any(|line| line.starts_with("-- ARGV     ")), "{name}: no ARGV in the header");
        for place in text.match_indices("KEYS").map(|(at, _)| &text[at..]) {
            assert!(place.starts_with("KEYS[1]"), "{name}: another key at {:?}", place.lines().next());
        }
        for call in text.match_indices("redis.call(").map(|(at, _)| &text[at..]) {
            let on_the_key =
                call.split(',').nth(1).is_some_and(|word| word.trim_start().starts_with("KEYS[1]"));
            assert!(
                on_the_key || call.starts_with("redis.call('TIME')"),
                "{name}: {:?}",
                call.lines().next()
            );
        }
        count += 1;
    }
    assert_eq!(count, 13, "a script was added or removed: see that it is loaded too");
}
