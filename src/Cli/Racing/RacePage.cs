using System.Net;
using System.Text.Json;
using PageTableEmu.Explore.Catalogue;

namespace PageTableEmu.Cli.Racing;

/// <summary>A timeline as a page for a browser: self-contained, and it can be stepped through in both directions.</summary>
internal static class RacePage
{
    /// <summary>The page.</summary>
    public static string Make(RaceEntry entry, RaceModel model, string schedule, RaceTimeline timeline)
    {
        string verdict = timeline.Violation is { } violation ? $"{violation.Invariant}: {violation.Symptom}" : "no violation";
        string story = string.Concat(entry.Narrative.Select(step => $"<li><b>{Text(step.Actor)}</b> {Text(step.What)}</li>"));
        return Template
            .Replace("@title@", Text($"{entry.Name}: {entry.Title}"), StringComparison.Ordinal)
            .Replace("@model@", Text($"{model.Name}: {model.Rule}"), StringComparison.Ordinal)
            .Replace("@schedule@", Text(schedule), StringComparison.Ordinal)
            .Replace("@verdict@", Text(verdict), StringComparison.Ordinal)
            .Replace("@story@", story, StringComparison.Ordinal)
            .Replace("@data@", Data(timeline), StringComparison.Ordinal);
    }

    private static string Text(string text) => WebUtility.HtmlEncode(text);

    /// <summary>The serialiser escapes what would end the script.</summary>
    private static string Data(RaceTimeline timeline)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartObject();
            Write(json, "actors", timeline.Actors);
            Write(json, "columns", timeline.Columns);
            Write(json, "begin", timeline.Begin);
            json.WriteStartArray("steps");
            foreach (RaceStep step in timeline.Steps)
            {
                json.WriteStartObject();
                json.WriteNumber("actor", step.Actor);
                json.WriteString("access", step.Access);
                Write(json, "cells", step.Cells);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return System.Text.Encoding.UTF8.GetString(stream.ToArray());
    }

    private static void Write(Utf8JsonWriter json, string name, IReadOnlyList<string> values)
    {
        json.WriteStartArray(name);
        foreach (string value in values)
            json.WriteStringValue(value);
        json.WriteEndArray();
    }

    private const string Template = """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <title>@title@</title>
        <style>
        body { font: 15px/1.45 system-ui, sans-serif; margin: 1.5rem auto; max-width: 72rem; padding: 0 1rem; color: #1c1c1c; background: #fff; }
        h1 { font-size: 1.3rem; margin: 0 0 .3rem; }
        code, td, th { font-family: ui-monospace, monospace; font-size: 13px; }
        #verdict { color: #a4161a; font-weight: 600; }
        #bar { display: flex; gap: .5rem; align-items: center; margin: 1rem 0 .5rem; }
        #bar input { flex: 1; }
        button { font: inherit; padding: .15rem .7rem; }
        .lane { display: flex; align-items: center; gap: .6rem; height: 1.6rem; }
        .lane span { width: 5rem; text-align: right; font-family: ui-monospace, monospace; }
        .lane div { position: relative; flex: 1; height: 1rem; background: #f1f1f4; cursor: pointer; }
        .lane i { position: absolute; top: 0; bottom: 0; background: #9db4d3; }
        .lane b { position: absolute; top: -.3rem; bottom: -.3rem; width: 2px; background: #a4161a; }
        table { border-collapse: collapse; margin-top: .8rem; width: 100%; }
        td, th { border: 1px solid #ddd; padding: .25rem .5rem; text-align: left; vertical-align: top; font-weight: normal; }
        th { width: 12rem; background: #f7f7f9; }
        td.changed { background: #fff3bf; }
        </style>
        </head>
        <body>
        <h1>@title@</h1>
        <div>@model@</div>
        <ol>@story@</ol>
        <div id="verdict">@verdict@</div>
        <div><code>@schedule@</code></div>
        <div id="bar">
        <button id="first" title="Home">|&lt;</button>
        <button id="backward" title="arrow left: one access; with Shift: to the one before that changed something">&lt;</button>
        <button id="forward" title="arrow right: one access; with Shift: to the next one that changes something">&gt;</button>
        <button id="last" title="End">&gt;|</button>
        <input id="slider" type="range" min="0" value="0" aria-label="access">
        </div>
        <div id="what" aria-live="polite"></div>
        <div id="lanes"></div>
        <table><tbody id="cells"></tbody></table>
        <script>
        const data = @data@;
        const count = data.steps.length;
        const byId = id => document.getElementById(id);
        const cellsAfter = step => step === 0 ? data.begin : data.steps[step - 1].cells;
        const changes = step => step > 0 && cellsAfter(step).some((cell, index) => cell !== cellsAfter(step - 1)[index]);
        let now = 0;
        const lanes = data.actors.map((name, actor) => {
          const lane = document.createElement("div");
          lane.className = "lane";
          const label = document.createElement("span");
          label.textContent = name;
          const track = document.createElement("div");
          for (let from = 0; from < count; from++) {
            if (data.steps[from].actor !== actor) continue;
            let to = from;
            while (to < count && data.steps[to].actor === actor) to++;
            const run = document.createElement("i");
            run.style.left = 100 * from / count + "%";
            run.style.width = 100 * (to - from) / count + "%";
            track.append(run);
            from = to;
          }
          const mark = document.createElement("b");
          track.append(mark);
          track.onclick = event => go(Math.round(count * event.offsetX / track.clientWidth));
          lane.append(label, track);
          byId("lanes").append(lane);
          return mark;
        });
        function go(step) {
          now = Math.max(0, Math.min(count, step));
          byId("slider").value = now;
          byId("what").textContent = now === 0 ? "before the first of " + count + " accesses"
            : "after access " + now + " of " + count + ": " + data.actors[data.steps[now - 1].actor] + ", " + data.steps[now - 1].access;
          for (const mark of lanes) mark.style.left = 100 * now / Math.max(count, 1) + "%";
          byId("cells").replaceChildren(...data.columns.map((name, index) => {
            const row = document.createElement("tr");
            const head = document.createElement("th");
            head.textContent = name;
            const cell = document.createElement("td");
            cell.textContent = cellsAfter(now)[index];
            if (now > 0 && cellsAfter(now)[index] !== cellsAfter(now - 1)[index]) cell.className = "changed";
            row.append(head, cell);
            return row;
          }));
        }
        function leap(direction) {
          let step = now + direction;
          while (step > 0 && step < count && !changes(step)) step += direction;
          go(step);
        }
        byId("slider").max = count;
        byId("slider").oninput = () => go(Number(byId("slider").value));
        byId("first").onclick = () => go(0);
        byId("backward").onclick = event => event.shiftKey ? leap(-1) : go(now - 1);
        byId("forward").onclick = event => event.shiftKey ? leap(1) : go(now + 1);
        byId("last").onclick = () => go(count);
        document.onkeydown = event => {
          if (event.key === "ArrowLeft") event.shiftKey ? leap(-1) : go(now - 1);
          else if (event.key === "ArrowRight") event.shiftKey ? leap(1) : go(now + 1);
          else if (event.key === "Home") go(0);
          else if (event.key === "End") go(count);
          else return;
          event.preventDefault();
        };
        go(0);
        </script>
        </body>
        </html>
        """;
}
