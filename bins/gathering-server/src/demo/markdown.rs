//! Markdown as people like to read it.

/// The lines, with the cells of their table below each other.
pub(super) fn aligned(lines: &[&str]) -> Vec<String> {
    let table: Vec<_> = lines.iter().filter_map(|line| cells(line)).collect();
    let columns = table.iter().map(Vec::len).max().unwrap_or_default();
    let widths: Vec<_> = (0..columns).map(|column| width(&table, column)).collect();
    let aligned = |line: &&str| cells(line).map_or_else(|| (*line).to_owned(), |cells| row(&cells, &widths));
    lines.iter().map(aligned).collect()
}

/// The cells of a line of a table.
fn cells(line: &str) -> Option<Vec<&str>> {
    let inner = line.strip_prefix('|')?.strip_suffix('|')?;
    Some(inner.split('|').map(str::trim).collect())
}

fn width(table: &[Vec<&str>], column: usize) -> usize {
    let cells = table.iter().filter_map(|row| row.get(column));
    cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
}

fn row(cells: &[&str], widths: &[usize]) -> String {
    let padded = cells.iter().zip(widths).map(|(cell, width)| {
        let filler = if cell.starts_with("---") { "-" } else { " " };
        format!("{cell}{}", filler.repeat(width.saturating_sub(cell.chars().count())))
    });
    format!("| {} |", padded.collect::<Vec<_>>().join(" | "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_stand_below_each_other_and_text_stays() {
        let lines = ["A | B, of `a`", "| a | words |", "|---|---|", "| longer | 1 |"];
        let expected = [
            "A | B, of `a`",
            "| a      | words |",
            "| ------ | ----- |",
            "| longer | 1     |",
        ];
        assert_eq!(aligned(&lines), expected);
    }
}
