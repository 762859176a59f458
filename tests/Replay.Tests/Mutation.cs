using System.Text.Json.Nodes;

namespace PageTableEmu.Replay.Tests;

/// <summary>Changes one thing in a recording; the result may or may not be a difference.</summary>
internal static class Mutation
{
    private static readonly string[] Numbers = ["ret", "err", "val", "min", "maj", "used", "pswpin", "pswpout", "wb"];
    private static readonly string[] Notes = ["bytes", "used", "pswp", "pswp ", "frame reuse"];
    private static readonly string[] Flags = ["lo", "mg", "nh", "hg", "dc", "wf", "uw", "gu", "ac", "rd", "xx"];
    private static readonly string[] Kinds = ["P", "S", "M", "N"];

    /// <summary>Applies the change that the index asks for, at a random place.</summary>
    public static string Apply(TraceText trace, int index, Random random)
    {
        JsonNode row = Pick(trace.Rows, random);
        string what = Change(trace, row, index % 24, random);
        // Now and then the recording also says that something is unstable.
        if (random.Next(4) == 0)
            AddNote(trace, random.Next(-2, 3) + row["n"]!.GetValue<int>(), Pick(Notes, random));
        return $"{System.IO.Path.GetFileName(trace.Path)} n={row["n"]}: {what}";
    }

    private static string Change(TraceText trace, JsonNode row, int kind, Random random)
    {
        JsonObject processes = row["procs"]!.AsObject();
        JsonNode? process = processes.Count == 0 ? null : Pick([.. processes.Select(each => each.Value!)], random);
        JsonObject pages = process?["pages"]!.AsObject() ?? [];
        JsonNode? page = pages.Count == 0 ? null : Pick([.. pages.Select(each => each.Value!)], random);
        switch (kind)
        {
            case < 3:
                return Bump(row, Pick(Numbers, random));
            case 3:
                AddNote(trace, row["n"]!.GetValue<int>(), Pick(Notes, random));
                return "note only";
            case 4:
                trace.Renumber(random.Next(2) == 0 ? id => id + 700 : id => id == 1 ? 2 : id == 2 ? 1 : id);
                return "renumbered";
            case 5:
                trace.Lines.Remove(row);
                return "row removed";
            case 6:
                row["cached"] = random.Next(2) == 0 ? new JsonArray() : new JsonArray(1, 2);
                return "cached";
            case 7:
                row["cached"] = new JsonArray([.. row["cached"]!.AsArray().Reverse().Select(id => id!.DeepClone())]);
                return "cached reversed";
            case 8:
                row["op"] = "nop";
                return "op";
        }

        if (process is null)
            return "nothing";
        if (kind < 16)
            return page is null ? "no page" : ChangePage(pages, page, kind - 9, random);
        return ChangeProcess(processes, process, kind - 16, random);
    }

    private static string ChangePage(JsonObject pages, JsonNode page, int kind, Random random)
    {
        switch (kind)
        {
            case 0:
                page[0] = Pick(Kinds, random);
                return "kind";
            case 1:
                page[1] = random.Next(4);
                return "identity";
            case 2 or 3:
                page[kind] = (page[kind]!.GetValue<int>() + 1) & 255;
                return "byte";
            case 4:
                page[4] = page[4]!.GetValue<int>() + random.Next(2);
                return "mapcount";
            case 5:
                page[5] = random.Next(2) == 0 ? string.Concat(page[5]!.GetValue<string>().Reverse()) : Toggle(page[5]!, "ABCKTZEULW", random);
                page[7] = random.Next(2) == 0 ? "d" : "";
                return "letters";
            default:
                return ChangeLast(pages, page, random);
        }
    }

    private static string ChangeLast(JsonObject pages, JsonNode page, Random random)
    {
        switch (random.Next(4))
        {
            case 0:
                page[6] = Toggle(page[6]!, "xfwg", random);
                return "pagemap";
            case 1:
                page[8] = 1 - page[8]!.GetValue<int>();
                return "same";
            case 2:
                pages.Remove(pages.First(each => ReferenceEquals(each.Value, page)).Key);
                return "page removed";
            default:
                pages.Add("H2047", page.DeepClone());
                return "page added";
        }
    }

    private static string ChangeProcess(JsonObject processes, JsonNode process, int kind, Random random)
    {
        JsonObject smaps = process["smaps"]!.AsObject();
        JsonObject vmas = process["vma"]!.AsObject();
        if (kind == 0)
            return Bump(process, "merged");
        if (kind == 1)
        {
            processes.Remove(processes.First(each => ReferenceEquals(each.Value, process)).Key);
            return "process removed";
        }

        if (smaps.Count == 0)
            return "no region";
        string region = Pick([.. smaps.Select(each => each.Key)], random);
        string text = vmas[region]!.GetValue<string>();
        switch (kind)
        {
            case 2:
                int counter = random.Next(13);
                smaps[region]![counter] = smaps[region]![counter]!.GetValue<int>() + 4;
                return $"smaps {region} {counter}";
            case 3:
                smaps.Remove(region);
                return "smaps removed";
            case 4:
                vmas.Remove(region);
                return "vma removed";
            case 5:
                string flag = Pick(Flags, random);
                vmas[region] = text.Contains(" " + flag, StringComparison.Ordinal)
                    ? text.Replace(" " + flag, "", StringComparison.Ordinal)
                    : text + " " + flag;
                return $"flag {flag}";
            case 6:
                vmas[region] = text.Replace("rw-p", "r--p", StringComparison.Ordinal);
                return "permissions";
            default:
                vmas[region] = random.Next(2) == 0 ? text + "; 2000+1 rw-p nh" : "1" + text;
                return "extent";
        }
    }

    private static string Bump(JsonNode node, string name)
    {
        node[name] = node[name]!.GetValue<long>() + 1;
        return name;
    }

    private static string Toggle(JsonNode text, string letters, Random random)
    {
        string value = text.GetValue<string>();
        char letter = letters[random.Next(letters.Length)];
        return value.Contains(letter, StringComparison.Ordinal) ? value.Replace(letter.ToString(), "", StringComparison.Ordinal) : value + letter;
    }

    private static void AddNote(TraceText trace, int number, string what) =>
        trace.Lines.Add(new JsonObject { ["unstable"] = new JsonArray(new JsonArray(number, what)) });

    private static T Pick<T>(T[] from, Random random) => from[random.Next(from.Length)];
}
