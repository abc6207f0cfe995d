//! From sources over tags and segments to audiences, as a picture: layers from left to right.
//!
//! The layout is our own, so that the same script gives the same picture everywhere: each thing stands one layer behind
//! the last of what it is made of, lines over several layers get a place in each, and a few sweeps put what belongs
//! together on one height.

use super::facts::anchor;
use super::html::escaped;
use crate::explain::dictionary::Dictionary;
use std::collections::HashMap;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Above these a picture says nothing.
const MOST_NODES: usize = 400;
const MOST_PLACES: usize = 4_000;
/// Columns of text that a box shows.
const MOST_TEXT: usize = 28;
/// How often the layers are put in order, forth and back.
const SWEEPS: usize = 8;

const CHARACTER: f64 = 7.9;
const BOX: f64 = 26.0;
const BETWEEN: f64 = 10.0;
const PASSING: f64 = 8.0;
const GAP: f64 = 64.0;
const MARGIN: f64 = 16.0;

struct Node {
    kind: &'static str,
    name: String,
    layer: usize,
}

pub struct Lineage {
    nodes: Vec<Node>,
    /// From what something is made to what is made of it.
    edges: Vec<(usize, usize)>,
}

/// A place in a layer: a node, or where a line passes.
struct Place {
    node: Option<usize>,
    layer: usize,
    before: Vec<usize>,
    after: Vec<usize>,
    y: f64,
}

impl Lineage {
    pub fn of(d: &Dictionary) -> Lineage {
        let mut nodes: Vec<Node> = Vec::new();
        let mut at: HashMap<&str, usize> = HashMap::new();
        // A source that nothing reads has no place in a lineage.
        let sources = d.sources.iter().filter(|s| !s.used_by.is_empty()).map(|s| ("source", &s.name));
        let entries = d.entries.iter().map(|e| (e.kind, &e.tag.name));
        let audiences = d.audiences.iter().map(|a| ("audience", &a.name));
        for (kind, name) in sources.chain(entries).chain(audiences) {
            at.insert(name, nodes.len());
            nodes.push(Node { kind, name: name.clone(), layer: 0 });
        }
        let mut edges: Vec<(usize, usize)> = Vec::new();
        let mut add = |from: &str, to: &str| {
            if let (Some(from), Some(to)) = (at.get(from), at.get(to)) {
                edges.push((*from, *to));
            }
        };
        for e in &d.entries {
            e.reads.iter().chain(&e.tag.uses).for_each(|from| add(from, &e.tag.name));
        }
        for a in &d.audiences {
            a.reads.iter().chain(&a.uses).for_each(|from| add(from, &a.name));
        }
        edges.sort_unstable();
        edges.dedup();
        let mut lineage = Lineage { nodes, edges };
        lineage.layer();
        lineage
    }

    /// The longest way from a source; audiences all stand in the last layer.
    fn layer(&mut self) {
        let mut after: Vec<Vec<usize>> = vec![Vec::new(); self.nodes.len()];
        let mut waits: Vec<usize> = vec![0; self.nodes.len()];
        for (from, to) in &self.edges {
            if let (Some(list), Some(n)) = (after.get_mut(*from), waits.get_mut(*to)) {
                list.push(*to);
                *n += 1;
            }
        }
        let mut ready: Vec<usize> = (0..self.nodes.len()).filter(|i| waits.get(*i) == Some(&0)).collect();
        for i in &ready {
            // A tag made of nothing but constants stands with the other tags.
            if let Some(node) = self.nodes.get_mut(*i).filter(|n| n.kind != "source") {
                node.layer = 1;
            }
        }
        while let Some(i) = ready.pop() {
            let layer = self.nodes.get(i).map_or(0, |n| n.layer);
            for to in after.get(i).into_iter().flatten() {
                if let (Some(node), Some(n)) = (self.nodes.get_mut(*to), waits.get_mut(*to)) {
                    node.layer = node.layer.max(layer + 1);
                    *n = n.saturating_sub(1);
                    if *n == 0 {
                        ready.push(*to);
                    }
                }
            }
        }
        let others = self.nodes.iter().filter(|n| n.kind != "audience").map(|n| n.layer);
        let last = others.max().unwrap_or(0) + 1;
        for node in self.nodes.iter_mut().filter(|n| n.kind == "audience") {
            node.layer = last;
        }
    }

    /// A flowchart that Markdown viewers draw.
    pub fn mermaid(&self) -> String {
        let mut out = String::from("flowchart LR\n");
        for (i, node) in self.nodes.iter().enumerate() {
            let (open, close) = match node.kind {
                "source" => ("[(\"", "\")]"),
                "segment" => ("([\"", "\"])"),
                "audience" => ("[[\"", "\"]]"),
                _ => ("[\"", "\"]"),
            };
            let name: String = node.name.chars().map(mermaid_escaped).collect();
            out.push_str(&format!("  n{i}{open}{name}{close}\n"));
        }
        for (from, to) in &self.edges {
            out.push_str(&format!("  n{from} --> n{to}\n"));
        }
        out
    }

    /// The picture; `None` where it would be too large to read.
    pub fn svg(&self) -> Option<String> {
        if self.nodes.is_empty() || self.nodes.len() > MOST_NODES {
            return None;
        }
        let mut places = self.places()?;
        let layers = ordered(&mut places);
        let labels: Vec<String> = self.nodes.iter().map(|n| clipped(&n.name)).collect();
        let width_of = |node: usize| labels.get(node).map_or(0.0, |l| l.width() as f64 * CHARACTER + 20.0);
        let (mut x, mut lefts, mut widths) = (MARGIN, Vec::new(), Vec::new());
        for layer in &layers {
            let nodes = layer.iter().filter_map(|p| places.get(*p)?.node);
            let width = nodes.map(width_of).fold(0.0, f64::max);
            lefts.push(x);
            widths.push(width);
            x += width + GAP;
        }
        let height = settle(&mut places, &layers) + 2.0 * MARGIN;
        let width = x - GAP + MARGIN;
        let left = |layer: usize| lefts.get(layer).copied().unwrap_or(0.0);
        let right = |layer: usize| left(layer) + widths.get(layer).copied().unwrap_or(0.0);
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.0} {height:.0}\">\n"
        );
        for place in &places {
            for after in &place.after {
                let Some(to) = places.get(*after) else { continue };
                let (x1, x2) = (right(place.layer), left(to.layer));
                let (y1, y2) = (place.y + MARGIN, to.y + MARGIN);
                let bend = (x2 - x1) / 2.0;
                // A box ends at its own text, not at its layer's right side.
                let start = place.node.map_or(left(place.layer), |n| left(place.layer) + width_of(n));
                out.push_str(&format!(
                    "<path d=\"M{start:.1} {y1:.1}H{x1:.1}C{:.1} {y1:.1} {:.1} {y2:.1} {x2:.1} {y2:.1}\"/>\n",
                    x1 + bend,
                    x2 - bend
                ));
            }
        }
        for place in &places {
            let Some((i, node)) = place.node.and_then(|i| Some((i, self.nodes.get(i)?))) else { continue };
            let (x, y) = (left(node.layer), place.y + MARGIN);
            let label = labels.get(i).map_or("", String::as_str);
            out.push_str(&format!(
                "<a href=\"#{}\" class=\"{}\"><title>{}</title><rect x=\"{x:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{BOX:.0}\" rx=\"4\"/><text x=\"{:.1}\" y=\"{:.1}\">{}</text></a>\n",
                anchor(node.kind, &node.name),
                node.kind,
                escaped(&node.name),
                y - BOX / 2.0,
                width_of(i),
                x + 10.0,
                y + 4.5,
                escaped(label),
            ));
        }
        out.push_str("</svg>\n");
        Some(out)
    }

    /// Nodes and the places where lines pass between them.
    fn places(&self) -> Option<Vec<Place>> {
        let place = |node, layer| Place { node, layer, before: Vec::new(), after: Vec::new(), y: 0.0 };
        let mut places: Vec<Place> =
            self.nodes.iter().enumerate().map(|(i, n)| place(Some(i), n.layer)).collect();
        for (from, to) in &self.edges {
            let (first, last) = (self.nodes.get(*from)?.layer, self.nodes.get(*to)?.layer);
            let mut at = *from;
            for layer in first + 1..=last {
                let next = if layer == last { *to } else { places.len() };
                if layer < last {
                    places.push(place(None, layer));
                }
                places.get_mut(at)?.after.push(next);
                places.get_mut(next)?.before.push(at);
                at = next;
            }
            if places.len() > MOST_PLACES {
                return None;
            }
        }
        Some(places)
    }
}

/// The places of each layer from the top: each near the middle of its neighbours, in a few sweeps forth and back.
fn ordered(places: &mut [Place]) -> Vec<Vec<usize>> {
    let count = places.iter().map(|p| p.layer + 1).max().unwrap_or(0);
    let mut layers: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (i, place) in places.iter().enumerate() {
        if let Some(layer) = layers.get_mut(place.layer) {
            layer.push(i);
        }
    }
    let mut rank: Vec<f64> = vec![0.0; places.len()];
    let number = |layer: &[usize], rank: &mut [f64]| {
        for (i, p) in layer.iter().enumerate() {
            if let Some(slot) = rank.get_mut(*p) {
                *slot = i as f64;
            }
        }
    };
    layers.iter().for_each(|layer| number(layer, &mut rank));
    for sweep in 0..SWEEPS {
        let forth = sweep % 2 == 0;
        let order: Vec<usize> = if forth { (0..count).collect() } else { (0..count).rev().collect() };
        for at in order {
            let Some(layer) = layers.get_mut(at) else { continue };
            let middle = |p: &usize| -> f64 {
                let own = rank.get(*p).copied().unwrap_or(0.0);
                let Some(place) = places.get(*p) else { return own };
                let near = if forth { &place.before } else { &place.after };
                let ranks = near.iter().filter_map(|n| rank.get(*n));
                if near.is_empty() { own } else { ranks.sum::<f64>() / near.len() as f64 }
            };
            let mut keyed: Vec<(f64, usize)> = layer.iter().map(|p| (middle(p), *p)).collect();
            // Stable: what has the same middle stays in the order that it had.
            keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
            *layer = keyed.into_iter().map(|(_, p)| p).collect();
            number(layer, &mut rank);
        }
    }
    layers
}

/// Gives every place its height, the layers about one middle; the height of all.
fn settle(places: &mut [Place], layers: &[Vec<usize>]) -> f64 {
    let size = |place: &Place| if place.node.is_some() { BOX + BETWEEN } else { PASSING };
    let tall = |layer: &Vec<usize>, places: &[Place]| {
        layer.iter().filter_map(|p| places.get(*p)).map(size).sum::<f64>()
    };
    let height = layers.iter().map(|layer| tall(layer, places)).fold(0.0, f64::max);
    for layer in layers {
        let mut y = (height - tall(layer, places)) / 2.0;
        for p in layer {
            if let Some(place) = places.get_mut(*p) {
                let size = size(place);
                place.y = y + size / 2.0;
                y += size;
            }
        }
    }
    height
}

fn clipped(name: &str) -> String {
    if name.width() <= MOST_TEXT {
        return name.to_string();
    }
    let (mut out, mut used) = (String::new(), 1);
    for c in name.chars() {
        used += c.width().unwrap_or(0);
        if used > MOST_TEXT {
            break;
        }
        out.push(c);
    }
    out + "…"
}

/// Inside a Mermaid label only letters and digits mean themselves for sure.
fn mermaid_escaped(c: char) -> String {
    match c {
        c if c.is_alphanumeric() || c == '_' || c == ' ' => c.to_string(),
        c if c.is_control() => " ".to_string(),
        c => format!("#{};", u32::from(c)),
    }
}
