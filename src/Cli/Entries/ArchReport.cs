using PageTableEmu.Paging;

namespace PageTableEmu.Cli.Entries;

/// <summary>
/// Everything about an architecture, for people and as JSON. Layouts are found by asking the formats about bits, so a report cannot differ
/// from what the formats do.
/// </summary>
/// <param name="typesOf">The numbering of special types for the options that are usually on.</param>
internal sealed class ArchReport(Func<SwapTypeOptions, SwapTypeLayout> typesOf) : IArchitectureAction<bool>, ISwapFormatAction<bool>
{
    private static readonly string[] LevelNames = ["pte", "pmd", "pud", "p4d", "pgd"];

    private readonly List<(string Name, object Value)> facts = [];
    private readonly List<Drawing> drawings = [];
    private readonly List<(string Name, string Bits)> operations = [];
    private readonly List<(uint Number, string Name)> types = [];
    private uint swapAreas;

    /// <inheritdoc/>
    public bool Invoke<TArch>()
        where TArch : struct, IArchitecture, IEntryNames
    {
        AddFacts(TArch.Name, TArch.PageShift, TArch.BigEndian);
        facts.Add(("levels", TArch.Levels));
        facts.Add(("va_bits", TArch.VirtualAddressBits));
        facts.Add(("user_space_end", $"{TArch.UserSpaceEnd:x16}"));
        facts.Add(("huge_page_size", 1UL << TArch.HugePageShift));
        facts.Add(("swap_cluster_slots", TArch.SwapClusterSlots));
        AddLimits<TArch>(TArch.PageShift);
        Protection shared = TArch.ProtectionOf(AccessRights.Read | AccessRights.Write | AccessRights.Shared);
        for (int level = 1; level <= TArch.Levels; level++)
        {
            if (!TArch.LeafAllowed(level))
                continue;
            ulong frame = 1UL << (TArch.LevelShift(level) - TArch.PageShift);
            Pte leaf = TArch.MakeLeaf(frame, shared, level);
            drawings.Add(new Drawing($"{LevelNames[level - 1]} leaf of {Size(1UL << TArch.LevelShift(level))}", leaf, TArch.Fields(leaf, level)));
        }

        Pte table = TArch.MakeTable(1UL << TArch.PageShift);
        drawings.Add(new Drawing("entry that points to a table", table, TArch.Fields(table, 2)));
        AddSwap<TArch>("swap entry");
        operations.AddRange(LeafProbe.Of<TArch>().Select(property => (property.Name, LeafProbe.Positions(property.Bits))));
        AddTypes(typesOf(TArch.UsualSwapTypeOptions));
        return true;
    }

    /// <inheritdoc/>
    public bool InvokeFormat<TFormat>()
        where TFormat : struct, ISwapOnlyFormat
    {
        if (facts.Count == 0)
        {
            AddFacts(TFormat.Name, TFormat.PageShift, TFormat.BigEndian);
            AddLimits<TFormat>(TFormat.PageShift);
            AddTypes(typesOf(TFormat.UsualSwapTypeOptions));
        }

        AddSwap<TFormat>($"swap entry of a {LevelNames[TFormat.Level - 1]}");
        return true;
    }

    /// <summary>Writes the report for people.</summary>
    public void WriteTo(TextWriter output)
    {
        foreach ((string name, object value) in facts)
        {
            object shown = value is ulong bytes && name.EndsWith("size", StringComparison.Ordinal) ? Size(bytes) : value;
            output.WriteLine($"{name.Replace('_', ' '),-29} {shown}");
        }

        foreach (Drawing drawing in drawings)
        {
            output.WriteLine();
            output.WriteLine($"{drawing.Title}: {drawing.Example}");
            output.WriteLine(BitField.Draw(drawing.Example, drawing.Fields));
        }

        output.WriteLine();
        foreach ((string name, string bits) in operations)
            output.WriteLine($"{name,-29} bits {bits}");
        if (operations.Count > 0)
            output.WriteLine();
        output.WriteLine($"swap types 0..{swapAreas - 1,-9} swap areas");
        foreach ((uint number, string name) in types)
            output.WriteLine($"swap type {number,-12} {name}");
    }

    /// <summary>The report as one object.</summary>
    public string ToJson() => EntryJson.WriteObject(writer =>
    {
        foreach ((string name, object value) in facts)
        {
            writer.WritePropertyName(name);
            writer.WriteRawValue(value switch { string text => $"\"{text}\"", bool flag => flag ? "true" : "false", _ => $"{value}" });
        }

        writer.WriteStartArray("formats");
        foreach (Drawing drawing in drawings)
        {
            writer.WriteStartObject();
            writer.WriteString("name", drawing.Title);
            writer.WriteString("example", drawing.Example.ToString());
            writer.WriteStartArray("fields");
            foreach (EntryField field in drawing.Fields)
            {
                writer.WriteStartObject();
                writer.WriteString("name", field.Name);
                writer.WriteNumber("high", field.High);
                writer.WriteNumber("low", field.Low);
                writer.WriteEndObject();
            }

            writer.WriteEndArray();
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        writer.WriteStartObject("operations");
        foreach ((string name, string bits) in operations)
            writer.WriteString(name, bits);
        writer.WriteEndObject();
        writer.WriteNumber("swap_areas", swapAreas);
        writer.WriteStartObject("special_types");
        foreach ((uint number, string name) in types)
            writer.WriteNumber(name, number);
        writer.WriteEndObject();
    });

    private void AddFacts(string name, int pageShift, bool bigEndian)
    {
        facts.Add(("name", name));
        facts.Add(("page_size", 1UL << pageShift));
        facts.Add(("byte_order", bigEndian ? "big" : "little"));
    }

    // An area's header counts pages in 32 bits, whatever the field could hold.
    private void AddLimits<TFormat>(int pageShift)
        where TFormat : struct, ISwapFormat
    {
        facts.Add(("swap_type_bits", TFormat.SwapTypeBits));
        facts.Add(("swap_offset_bits", TFormat.SwapOffsetBits));
        facts.Add(("largest_swap_area_size", Math.Min(1UL << TFormat.SwapOffsetBits, 1UL << 32) << pageShift));
        facts.Add(("frame_number_bits", TFormat.FrameNumberBits));
        facts.Add(("physical_address_bits", TFormat.FrameNumberBits + pageShift));
        facts.Add(("migration_accessed_offset_bit", TFormat.FrameNumberBits));
        facts.Add(("migration_dirty_offset_bit", TFormat.FrameNumberBits + 1));
    }

    private void AddSwap<TFormat>(string title)
        where TFormat : struct, ISwapFormat
    {
        Pte example = TFormat.MakeSwapExclusive(TFormat.EncodeSwap(1, 0x4242));
        string marks = TFormat.HasSwapExclusive ? ", exclusive" : string.Empty;
        drawings.Add(new Drawing($"{title}, type 1, offset 0x4242{marks}", example, SwapEntryLayout.Of<TFormat>()));
    }

    private void AddTypes(SwapTypeLayout layout)
    {
        swapAreas = layout.MaxSwapFiles;
        for (uint type = swapAreas; type < SwapTypeLayout.TypeCount; type++)
        {
            SoftLeafKind kind = SoftLeaf.KindOf(type, in layout);
            types.Add((type, kind == SoftLeafKind.Marker ? "pte_marker" : SoftLeafNames.NameOf(kind)));
        }
    }

    private static string Size(ulong bytes)
    {
        string[] units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
        int unit = 0;
        for (; bytes >= 1024 && bytes % 1024 == 0; bytes /= 1024)
            unit++;
        return $"{bytes} {units[unit]}";
    }

    private sealed record Drawing(string Title, Pte Example, IReadOnlyList<EntryField> Fields);
}
