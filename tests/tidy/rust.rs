//! Just enough of Rust's grammar: code without comments, texts and tests, and the paths in it.

/// `source` with comments and the content of string and character literals blanked out. Line numbers stay.
pub fn code(source: &str) -> String {
    let chars: Vec<char> = source.chars().collect();
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let (mut out, mut i) = (String::with_capacity(source.len()), 0);
    while i < chars.len() {
        let end = match (at(i), at(i + 1)) {
            ('/', '/') => (i..chars.len()).find(|&j| at(j) == '\n').unwrap_or(chars.len()),
            ('/', '*') => end_of_comment(&chars, i),
            ('"', _) => end_of_text(&chars, i + 1),
            ('r', '"' | '#') if !is_name(at(i.wrapping_sub(1))) || at(i.wrapping_sub(1)) == 'b' => {
                end_of_raw_text(&chars, i)
            }
            ('\'', '\\') => (i + 3..chars.len()).find(|&j| at(j) == '\'').map_or(chars.len(), |j| j + 1),
            ('\'', _) if at(i + 2) == '\'' => i + 3,
            _ => i,
        };
        if end == i {
            out.push(at(i));
            i += 1;
        } else {
            out.extend(chars[i..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
            i = end;
        }
    }
    out
}

fn end_of_comment(chars: &[char], start: usize) -> usize {
    let (mut depth, mut i) = (0, start);
    while i < chars.len() {
        match (chars[i], chars.get(i + 1)) {
            ('/', Some('*')) => (depth, i) = (depth + 1, i + 2),
            ('*', Some('/')) => (depth, i) = (depth - 1, i + 2),
            _ => i += 1,
        }
        if depth == 0 {
            break;
        }
    }
    i.min(chars.len())
}

fn end_of_text(chars: &[char], mut i: usize) -> usize {
    while i < chars.len() && chars[i] != '"' {
        i += if chars[i] == '\\' { 2 } else { 1 };
    }
    (i + 1).min(chars.len())
}

/// The end of `r"…"` or `r#"…"#`; `start` itself where there is none (`r#type`).
fn end_of_raw_text(chars: &[char], start: usize) -> usize {
    let hashes = chars[start + 1..].iter().take_while(|c| **c == '#').count();
    if chars.get(start + 1 + hashes) != Some(&'"') {
        return start;
    }
    let closes = |i: usize| chars[i] == '"' && chars[i + 1..].iter().take_while(|c| **c == '#').count() >= hashes;
    (start + 2 + hashes..chars.len()).find(|&i| closes(i)).map_or(chars.len(), |i| i + 1 + hashes)
}

pub fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// `code` without the items that `#[cfg(test)]` stands before, and the names of the modules among them
/// that are files of their own.
pub fn without_tests(code: &str) -> (String, Vec<String>) {
    const MARK: &str = "#[cfg(test)]";
    let (mut out, mut rest, mut modules) = (String::new(), code, Vec::new());
    while let Some(at) = rest.find(MARK) {
        out.push_str(&rest[..at]);
        let item = &rest[at + MARK.len()..];
        let (mut depth, mut end) = (0, item.len());
        for (i, c) in item.char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            if depth == 0 && (c == ';' || c == '}') {
                end = i + 1;
                break;
            }
        }
        let head = item[..end].trim_end_matches(';');
        if let Some((_, name)) = head.rsplit_once("mod ").filter(|(_, name)| name.trim().chars().all(is_name)) {
            modules.push(name.trim().to_owned());
        }
        out.extend(item[..end].chars().filter(|c| *c == '\n'));
        rest = &item[end..];
    }
    out.push_str(rest);
    (out, modules)
}

/// Line and first name of each path that goes on from `root`, as `crate` in `crate::a::B` and
/// `use crate::{a, b::C}`.
pub fn paths_from(code: &str, root: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices(root) {
        let before = code[..at].chars().next_back();
        let Some(rest) = code[at + root.len()..].trim_start().strip_prefix("::") else { continue };
        if before.is_some_and(|c| is_name(c) || c == ':') {
            continue;
        }
        let line = code[..at].matches('\n').count() + 1;
        let rest = rest.trim_start();
        match rest.strip_prefix('{') {
            Some(group) => found.extend(first_names(group).into_iter().map(|name| (line, name))),
            None => found.push((line, rest.chars().take_while(|c| is_name(*c)).collect())),
        }
    }
    found
}

/// The first name of each member of a `use` group whose brace is open already.
fn first_names(group: &str) -> Vec<String> {
    let (mut depth, mut names, mut fresh) = (1, Vec::new(), true);
    for (i, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => fresh = true,
            c if fresh && is_name(c) => {
                names.push(group[i..].chars().take_while(|c| is_name(*c)).collect());
                fresh = false;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    names
}

/// Line of each place where `word` stands by itself.
pub fn lines_with(code: &str, word: &str) -> Vec<usize> {
    let alone = |(at, _): &(usize, &str)| {
        let (before, after) = (code[..*at].chars().next_back(), code[at + word.len()..].chars().next());
        !before.is_some_and(is_name) && !after.is_some_and(is_name)
    };
    code.match_indices(word).filter(alone).map(|(at, _)| code[..at].matches('\n').count() + 1).collect()
}

#[test]
fn code_is_told_from_text() {
    let source = "a /* b /* c */ d */ \"e\\\"f\" r#\"g\"h\"# '\"' 'i' b'\\'' &'j k // l\nm";
    let words: Vec<String> = code(source).split_whitespace().map(str::to_owned).collect();
    assert_eq!(words, ["a", "b", "&'j", "k", "m"]);
}

#[test]
fn tests_are_left_out() {
    let (code, modules) =
        without_tests("a;\n#[cfg(test)]\nmod tests {\n fn b() {}\n}\n#[cfg(test)]\npub(crate) mod testing;\nc");
    assert_eq!((code.as_str(), modules), ("a;\n\n\n\n\n\n\nc", vec!["testing".to_owned()]));
}

#[test]
fn paths_are_found_in_groups_too() {
    let code = "use crate::{a, b::{C, D}, e};\ncrate::f::g(); mycrate::h; x::crate::i;";
    let names: Vec<(usize, String)> = paths_from(code, "crate");
    let names: Vec<(usize, &str)> = names.iter().map(|(line, name)| (*line, name.as_str())).collect();
    assert_eq!(names, [(1, "a"), (1, "b"), (1, "e"), (2, "f")]);
}
