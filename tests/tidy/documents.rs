//! Documents: their links lead somewhere, and they list what the code has.

use crate::tree;

/// The body rows of the first table of `text` whose header begins with `first`, as trimmed cells.
pub fn table(text: &str, first: &str) -> Vec<Vec<String>> {
    let cells = |line: &str| -> Vec<String> {
        line.trim().trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    let rows = text.lines().skip_while(|line| !(line.starts_with('|') && cells(line)[0] == first));
    let rows: Vec<Vec<String>> = rows.skip(2).take_while(|line| line.starts_with('|')).map(cells).collect();
    assert!(!rows.is_empty(), "there is no table that begins with the column {first:?}");
    rows
}

/// What stands between backticks in `cell`.
pub fn quoted(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The lines of a document outside its code blocks.
fn prose(text: &str) -> String {
    let mut fenced = false;
    let mut out = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced && !line.starts_with("    ") {
            out.push_str(line);
        }
        out.push('\n');
    }
    out
}

/// How links name a heading: small letters, digits and hyphens.
fn anchor(heading: &str) -> String {
    let kept = heading.trim_start_matches('#').trim().to_lowercase();
    kept.chars()
        .filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

#[test]
fn links_in_documents_lead_somewhere() {
    let files = tree::files();
    let mut broken = Vec::new();
    for document in files.iter().filter(|f| f.ends_with(".md")) {
        let text = prose(&tree::text(document).unwrap());
        let folder = document.rsplit_once('/').map_or("", |(folder, _)| folder);
        for (at, _) in text.match_indices("](") {
            let target = text[at + 2..].split([')', ' ']).next().unwrap_or_default();
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (path, heading) = target.split_once('#').unwrap_or((target, ""));
            let mut parts: Vec<&str> =
                if path.is_empty() { Vec::new() } else { folder.split('/').filter(|p| !p.is_empty()).collect() };
            for part in path.split('/').filter(|p| !p.is_empty() && *p != ".") {
                if part == ".." {
                    parts.pop();
                } else {
                    parts.push(part);
                }
            }
            let path = if path.is_empty() { document.clone() } else { parts.join("/") };
            let there = files.contains(&path) || files.iter().any(|f| f.starts_with(&format!("{path}/")));
            let heading_there = heading.is_empty()
                || (there
                    && prose(&tree::text(&path).unwrap()).lines().any(|l| l.starts_with('#') && anchor(l) == heading));
            if !there || !heading_there {
                let line = text[..at].matches('\n').count() + 1;
                broken.push(format!("{document}:{line}: {target} leads nowhere"));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn the_formats_of_the_url_page_are_those_of_the_code() {
    let page: Vec<Vec<String>> =
        table(&tree::text("docs/urls.md").unwrap(), "`format=`").iter().map(|row| quoted(&row[0])).collect();
    let tags = |format: &&dyn headwater::packager::Format| -> Vec<String> {
        format.tags().iter().filter(|tag| !tag.is_empty()).map(|tag| (*tag).to_owned()).collect()
    };
    let code: Vec<Vec<String>> = headwater::packager::FORMATS.iter().map(tags).collect();
    assert_eq!(page, code, "left: docs/urls.md, right: packager::FORMATS");
}
